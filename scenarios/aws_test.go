package scenarios

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"parley/awsdev"
	"parley/client"
	"parley/store"
	"parley/store/dynamo"
	"parley/store/dynamo/dynamotest"
)

// The AWS house: the true functions behind what AWS has in front of them, on DynamoDB Local.

// TestOnAWS meets the same people in the AWS house: boot looks at the name of the test.
func TestOnAWS(t *testing.T) {
	for name, scenario := range map[string]func(*testing.T){
		"TwoPeopleTalk":         func(t *testing.T) { twoPeopleTalk(t, func(*client.StreamOptions) {}) },
		"MentionsNotify":        TestMentionsNotifyThoseNamed,
		"DirectMessages":        TestDirectMessagesWaitForTheAbsent,
		"Reactions":             TestReactionsAreToldToTheRoom,
		"RemovalEndsHearing":    TestRemovalEndsHearing,
		"Erasing":               TestErasing,
		"PresenceIsForTheRooms": TestPresenceGoesToThoseWhoShareARoom,
	} {
		t.Run(name, scenario)
	}
}

func isAWS(t *testing.T) bool { return strings.HasPrefix(t.Name(), "TestOnAWS") }

// town is what all AWS houses of this process share.
type town struct {
	program string
	tables  *dynamotest.Server
	houses  atomic.Int64
}

// sharedTown builds the functions for this machine and starts DynamoDB Local, once.
var sharedTown = sync.OnceValues(func() (*town, error) {
	dir, err := os.MkdirTemp("", "parley-lambda-")
	if err != nil {
		return nil, err
	}
	t := &town{program: filepath.Join(dir, "bootstrap")}
	build := exec.CommandContext(context.Background(), "go", "build", "-tags", "lambda.norpc", "-o", t.program, "parley/cmd/lambda")
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the functions: %w: %s", err, said)
	}
	t.tables, err = dynamotest.Start(context.Background())
	return t, err
})

// clean removes what sharedTown made.
func (t *town) clean() {
	t.tables.Stop()
	_ = os.RemoveAll(filepath.Dir(t.program))
}

// inTown runs the tests, and then ends what sharedTown started.
type inTown struct{ *testing.M }

func (m inTown) Run() int {
	code := m.M.Run()
	if asked.Load() {
		if town, err := sharedTown(); err == nil {
			town.clean()
		}
	}
	return code
}

// asked tells whether sharedTown was called.
var asked atomic.Bool

// bootAWS starts an AWS house with tables of its own.
func bootAWS(t *testing.T, change ...func(*awsdev.Config)) (*house, *awsdev.House) {
	t.Helper()
	asked.Store(true)
	town, err := sharedTown()
	if err != nil {
		t.Fatal(err)
	}
	prefix := fmt.Sprintf("house%d-", town.houses.Add(1))
	if err := dynamo.CreateTables(t.Context(), town.tables.Client(), prefix, store.Schemas(), "messages"); err != nil {
		t.Fatal(err)
	}
	cfg := awsdev.Config{Program: town.program, DynamoDB: town.tables.Config(), TablePrefix: prefix, Env: []string{"PARLEY_LIMITS=off"}, Logger: logger(t)}
	for _, f := range change {
		f(&cfg)
	}
	a, err := awsdev.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{url: a.URL, stop: sync.OnceValue(a.Close)}
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("the AWS house ended with: %v", err)
		}
	})
	return h, a
}
