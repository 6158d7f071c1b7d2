// Package awsdevtest starts AWS houses for tests: the functions, built for this machine, on one DynamoDB Local.
package awsdevtest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"

	"parley/awsdev"
	"parley/store"
	"parley/store/dynamo"
	"parley/store/dynamo/dynamotest"
)

// Town is what the AWS houses of one process share. It is safe for concurrent use.
type Town struct {
	Tables  *dynamotest.Server
	program string
	houses  atomic.Int64
}

// New builds the functions and starts DynamoDB Local, which live until Stop.
func New(ctx context.Context) (*Town, error) {
	dir, err := os.MkdirTemp("", "parley-lambda-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the functions: %w", err)
	}
	t := &Town{program: filepath.Join(dir, "bootstrap")}
	build := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-o", t.program, "parley/cmd/lambda")
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the functions: %w: %s", err, said)
	}
	if t.Tables, err = dynamotest.Start(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// Stop ends what New began. All houses must have been closed.
func (t *Town) Stop() {
	t.Tables.Stop()
	_ = os.RemoveAll(filepath.Dir(t.program))
}

// House starts a house with tables of its own, whose names begin with prefix. It limits nobody and lets everybody
// register, unless change says otherwise.
func (t *Town) House(ctx context.Context, logger *slog.Logger, change ...func(*awsdev.Config)) (h *awsdev.House, prefix string, err error) {
	prefix = fmt.Sprintf("house%d-", t.houses.Add(1))
	if err := dynamo.CreateTables(ctx, t.Tables.Client(), prefix, store.Schemas(), "messages"); err != nil {
		return nil, "", err
	}
	c := awsdev.Config{Program: t.program, DynamoDB: t.Tables.Config(), TablePrefix: prefix, Env: []string{"PARLEY_LIMITS=off"}, Logger: logger}
	for _, f := range change {
		f(&c)
	}
	h, err = awsdev.Start(context.WithoutCancel(ctx), c)
	return h, prefix, err
}
