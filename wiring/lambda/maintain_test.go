package lambda

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"parley/chat"
	"parley/chattest"
	"parley/store"
)

// overdue is one of each that maintain looks after.
type overdue struct {
	*town
	tables *store.Store
	room   string // deleted, with a message
	gone   *person
	file   chat.Upload
}

// newOverdue lets a person go silently whose erasure was begun, deletes a room, and leaves a file behind that no message
// took.
func newOverdue(t *testing.T) *overdue {
	t.Helper()
	o := &overdue{town: newTown(t)}
	o.bucket()
	anna := o.person("anna")
	o.gone = o.person("berta")
	var room struct{ RoomID string }
	o.ask("POST", "/rooms", anna.token, map[string]string{"kind": "private", "name": "Shed"}, &room)
	o.room = room.RoomID
	o.ask("POST", "/rooms/"+o.room+"/messages", anna.token, map[string]string{"content": "hello", "clientMessageId": "1"}, nil)
	if status := o.ask("DELETE", "/rooms/"+o.room, anna.token, nil, nil); status != http.StatusNoContent {
		t.Fatalf("delete the room: %d", status)
	}
	house := o.function("maintain")
	service, err := house.service.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o.tables = house.store
	ago := time.Now().Add(-time.Hour).UnixMilli()
	if _, err := o.tables.Connect(t.Context(), chat.Connection{ConnectionID: "b1=", UserID: o.gone.id, ConnectedAt: ago, LastSeen: ago}, 100); err != nil {
		t.Fatal(err)
	}
	if err := service.BeginErase(t.Context(), o.gone.id); err != nil {
		t.Fatal(err)
	}
	o.file = chattest.NewUpload("01ARZ3NDEKTSV4RRFFQ69G5FAV", "r1", anna.id, 100, time.Now().Add(-48*time.Hour))
	if err := o.tables.CreateUpload(t.Context(), o.file, 0); err != nil {
		t.Fatal(err)
	}
	return o
}

// left says what is not done.
func (o *overdue) left() (left []string) {
	o.Helper()
	ctx := o.Context()
	note := func(what string, is bool, err error) {
		if err != nil {
			o.Fatalf("%s: %v", what, err)
		}
		if is {
			left = append(left, what)
		}
	}
	connected, _, err := o.tables.Connected(ctx, "", 10)
	note("connections", slices.Contains(connected, o.gone.id), err)
	found, err := local.Client().Query(ctx, &dynamodb.QueryInput{TableName: aws.String(o.env["PARLEY_TABLE_PREFIX"] + "messages"),
		KeyConditionExpression: aws.String("roomId = :r"), ExpressionAttributeValues: map[string]types.AttributeValue{":r": &types.AttributeValueMemberS{Value: o.room}}})
	note("rooms", err == nil && found.Count > 0, err)
	erasures, err := o.tables.Erasures(ctx)
	note("accounts", slices.ContainsFunc(erasures, func(e chat.Erasure) bool { return e.DoneAt == 0 }), err)
	due, err := o.tables.DueFiles(ctx, time.Now().UnixMilli(), 10)
	note("files", len(due) > 0, err)
	return left
}

// TestMaintain: all that is over is removed, by one call.
func TestMaintain(t *testing.T) {
	o := newOverdue(t)
	if got, want := o.left(), []string{"connections", "rooms", "accounts", "files"}; !slices.Equal(got, want) {
		t.Fatalf("over: %v, want %v", got, want)
	}
	for range 2 { // a schedule may call twice
		if err := o.function("maintain").maintain(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if got := o.left(); len(got) > 0 {
			t.Errorf("left: %v", got)
		}
	}
}

// TestMaintainGoesOn: what cannot be done is reported, and done the next time; all else is done.
func TestMaintainGoesOn(t *testing.T) {
	o := newOverdue(t)
	works := os.Getenv("AWS_ENDPOINT_URL_S3")
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(broken.Close)
	t.Setenv("AWS_ENDPOINT_URL_S3", broken.URL)
	err := o.function("maintain").maintain(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "remove files") || !strings.Contains(err.Error(), "erase accounts") || strings.Contains(err.Error(), "rooms") {
		t.Errorf("reported: %v", err)
	}
	// An account is gone once its picture and its downloads are, which are in the same bucket.
	if got := o.left(); !slices.Equal(got, []string{"accounts", "files"}) {
		t.Errorf("left: %v", got)
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", works)
	if err := o.function("maintain").maintain(t.Context(), nil); err != nil || len(o.left()) > 0 {
		t.Errorf("the next time: %v, left %v", err, o.left())
	}
}

// TestInTurn: a task that does not end has its share of the time and no more; what one does not need is for the others.
func TestInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		began := time.Now()
		var at, had []time.Duration
		note := func(ctx context.Context) {
			end, _ := ctx.Deadline()
			at, had = append(at, time.Since(began)), append(had, time.Until(end))
		}
		failure := errors.New("out of order")
		err := inTurn(ctx, slog.New(slog.DiscardHandler), []task{
			{"endless", func(ctx context.Context) error { note(ctx); <-ctx.Done(); return ctx.Err() }},
			{"quick", func(ctx context.Context) error { note(ctx); time.Sleep(5 * time.Second); return nil }},
			{"failing", func(ctx context.Context) error { note(ctx); return failure }},
			{"panicking", func(ctx context.Context) error { note(ctx); panic("no") }},
			{"last", func(ctx context.Context) error { note(ctx); return nil }},
		})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, failure) || strings.Count(err.Error(), "\n") != 2 ||
			!strings.Contains(err.Error(), "panicking: panic: no") {
			t.Errorf("reported: %v", err)
		}
		s := time.Second
		if want := []time.Duration{0, 12 * s, 17 * s, 17 * s, 17 * s}; !slices.Equal(at, want) {
			t.Errorf("began at %v, want %v", at, want)
		}
		if want := []time.Duration{12 * s, 12 * s, 43 * s / 3, 43 * s / 2, 43 * s}; !slices.Equal(had, want) {
			t.Errorf("had %v, want %v", had, want)
		}
	})
}
