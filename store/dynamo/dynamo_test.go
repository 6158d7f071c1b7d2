package dynamo_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"parley/chattest"
	"parley/store"
	"parley/store/dynamo"
	"parley/store/dynamo/dynamotest"
	"parley/store/table"
	"parley/store/table/tabletest"
)

var (
	server  *dynamotest.Server // of all tests; each has tables of its own
	prefix  atomic.Int64
	started error
)

func TestMain(m *testing.M) {
	server, started = dynamotest.Start(context.Background())
	code := m.Run()
	if started == nil {
		server.Stop()
	}
	os.Exit(code)
}

// open makes empty tables and opens them; options change the client.
func open(t testing.TB, schemas []table.Schema, now func() time.Time, options ...func(*dynamodb.Options)) *dynamo.DB {
	t.Helper()
	if started != nil {
		t.Fatal(started)
	}
	before := fmt.Sprintf("t%d-", prefix.Add(1))
	client := server.Client()
	if err := dynamo.CreateTables(t.Context(), client, before, schemas, "messages"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range schemas {
			_, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: aws.String(before + s.Name)})
		}
	})
	db, err := dynamo.Open(dynamo.Options{Client: server.Client(options...), Prefix: before, Schemas: schemas, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestConformance(t *testing.T) {
	tabletest.Run(t, tabletest.Harness{
		Open: func(t *testing.T, schemas []table.Schema, now func() time.Time) table.DB {
			return open(t, schemas, now)
		},
		Lag: 5 * time.Second, TornTies: true,
	})
}

func TestConnectionPorts(t *testing.T) {
	chattest.RunConnections(t, func(t *testing.T, now func() time.Time) chattest.ConnectionPorts {
		return store.New(open(t, store.Schemas(), now), now)
	})
}

func TestPorts(t *testing.T) {
	chattest.Run(t, func(t *testing.T, now func() time.Time) chattest.Ports {
		return store.New(open(t, store.Schemas(), now), now)
	})
}
