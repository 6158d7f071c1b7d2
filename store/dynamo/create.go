package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"parley/store/table"
)

// CreateTables makes the tables of schemas that are missing, as Terraform makes them on AWS: paid by request, with
// expiry by the attribute "ttl". The tables named in streamed have a stream of new images.
func CreateTables(ctx context.Context, client *dynamodb.Client, prefix string, schemas []table.Schema, streamed ...string) error {
	if _, err := table.NewCatalog(schemas); err != nil {
		return err
	}
	for i := range schemas {
		if err := createTable(ctx, client, prefix, &schemas[i], slices.Contains(streamed, schemas[i].Name)); err != nil {
			return fmt.Errorf("making table %q: %w", prefix+schemas[i].Name, err)
		}
	}
	return nil
}

func createTable(ctx context.Context, client *dynamodb.Client, prefix string, s *table.Schema, stream bool) error {
	keys := map[string]bool{}
	schema := func(part, sort string) []types.KeySchemaElement {
		keys[part] = true
		k := []types.KeySchemaElement{{AttributeName: aws.String(part), KeyType: types.KeyTypeHash}}
		if sort != "" {
			keys[sort] = true
			k = append(k, types.KeySchemaElement{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange})
		}
		return k
	}
	in := &dynamodb.CreateTableInput{TableName: aws.String(prefix + s.Name), KeySchema: schema(s.Part, s.Sort), BillingMode: types.BillingModePayPerRequest}
	for _, ix := range s.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{IndexName: aws.String(ix.Name),
			KeySchema: schema(ix.Part, ix.Sort), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}})
	}
	for name := range keys {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
	}
	if stream {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage}
	}
	var there *types.ResourceInUseException
	if _, err := client.CreateTable(ctx, in); errors.As(err, &there) {
		return nil
	} else if err != nil {
		return err
	}
	const patience = 5 * time.Minute
	if err := dynamodb.NewTableExistsWaiter(client).Wait(ctx, &dynamodb.DescribeTableInput{TableName: in.TableName}, patience); err != nil {
		return err
	}
	_, err := client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: in.TableName,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(table.TTL), Enabled: aws.Bool(true)}})
	return err
}
