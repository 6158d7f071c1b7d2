package httpapi

import (
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

func TestUnfit(t *testing.T) {
	for _, c := range []struct{ location, said, field, want string }{
		{"body.rooms", "expected object", "rooms", "rooms must be an object."},
		{"body", "expected object", "", "The body must be an object."},
		{"body.wait", "expected number <= 25", "wait", "wait must be at most 25."},
		{"body.wait", "expected number >= 0", "wait", "wait must be at least 0."},
		{"body.rooms.r1", "expected integer", "rooms.r1", "rooms.r1 must be an integer."},
		{"query.limit", "invalid integer", "limit", "limit must be an integer."},
		{"query.scope", `expected value to be one of "mine, public"`, "scope", "scope must be one of mine, public."},
		{"body.connectionId", "expected length <= 64", "connectionId", "connectionId must have at most 64 characters."},
		{"body", "expected required property rooms to be present", "rooms", "rooms is missing."},
		{"body.keys", "expected required property auth to be present", "keys.auth", "keys.auth is missing."},
		{"body.x", "expected string to be RFC 9999 nonsense", "x", "x is not valid."},
		{"body", "the JSON text ends too early", "", "The JSON text ends too early."},
	} {
		got := unfit(&huma.ErrorDetail{Location: c.location, Message: c.said})
		if got.Message != c.want || got.Field != c.field {
			t.Errorf("%s: %s: %q about %q, want %q about %q", c.location, c.said, got.Message, got.Field, c.want, c.field)
		}
	}
}
