package files

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// OpenS3 opens a bucket of S3, or of what speaks like it where cfg or the environment names an endpoint.
func OpenS3(ctx context.Context, cfg aws.Config, bucket string) (*blob.Bucket, error) {
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		// A checksum that the SDK computes would be that of nothing in a presigned PUT, and refuse every content.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.UsePathStyle = o.BaseEndpoint != nil // other servers have no names for their buckets
	})
	b, err := s3blob.OpenBucket(ctx, client, bucket, nil)
	if err != nil {
		return nil, fmt.Errorf("open the bucket of files: %w", err)
	}
	return b, nil
}
