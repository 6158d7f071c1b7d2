package scenarios

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"parley/awsdev"
	"parley/chat"
	"parley/client"
	"parley/notify/pushtest"
)

// TestOnAWSBudgetOfRequests is TestOnAWSBudget for what goes over HTTP: everything that the app lets people do.
func TestOnAWSBudgetOfRequests(t *testing.T) {
	l, h, _ := bootCounted(t, func(c *awsdev.Config) { c.Env = append(c.Env, "PARLEY_PUSH_ALLOW_PRIVATE=1") })
	service := pushtest.New(t)
	ann, bob, cid := h.join(t, "ann"), h.at(t, "bob"), h.join(t, "cid")
	garden := public(t, "garden", ann, cid)
	l.take()

	as := func(p *person, method, path, body string, want int) error {
		status, _, answer := ask(t, h, p, method, "/api/v1"+path, body)
		if status != want {
			return fmt.Errorf("%d %s", status, answer)
		}
		return nil
	}
	only := func(_ any, err error) error { return err }
	var said chat.Message
	var file chat.FileRef
	l.spend(t, []action{
		{"register", 22, 14, 18, func(ctx context.Context) error {
			return only(bob.Register(ctx, client.Registration{Username: "bob", Password: password}))
		}},
		{"log in", 9, 8, 3, func(context.Context) error { bob.login(t); return nil }},
		{"a new access token", 7, 6, 6, func(context.Context) error {
			body, err := json.Marshal(map[string]string{"refreshToken": ann.Session().RefreshToken})
			if err != nil {
				return err
			}
			return as(nil, "POST", "/auth/refresh", string(body), http.StatusOK)
		}},
		{"make a room", 16, 10, 14, func(ctx context.Context) error { return only(bob.CreateRoom(ctx, chat.Private, "shed", "")) }},
		{"join a room", 17, 12, 14, func(ctx context.Context) error { return only(bob.Join(ctx, garden)) }},
		{"open a direct room", 22, 16, 14, func(ctx context.Context) error { return only(bob.OpenDirect(ctx, ann.UserID)) }},
		{"my rooms, 3", 10, 13, 0, func(ctx context.Context) error { return only(bob.Rooms(ctx)) }},
		{"unread, 3 rooms", 7, 10, 0, func(ctx context.Context) error { return only(bob.Unread(ctx)) }},
		{"send by HTTP", 12, 9, 18, func(ctx context.Context) (err error) {
			said, err = bob.Send(ctx, chat.NewMessage{RoomID: garden, Content: "hello"})
			return err
		}},
		{"edit", 12, 10, 22, func(ctx context.Context) error { return only(bob.Edit(ctx, garden, said.MessageID, "hello again")) }},
		{"react", 12, 10, 22, func(ctx context.Context) error { return only(ann.React(ctx, garden, said.MessageID, "🌱")) }},
		{"find a word in 3 rooms", 9, 12, 0, func(ctx context.Context) error { return only(bob.Search(ctx, chat.SearchQuery{Text: "hello"})) }},
		{"find a word in 1 room", 9, 9, 0, func(ctx context.Context) error {
			return only(bob.Search(ctx, chat.SearchQuery{Text: "hello", RoomID: garden}))
		}},
		{"delete", 12, 10, 22, func(ctx context.Context) error { return bob.Delete(ctx, garden, said.MessageID) }},
		{"upload a file", 8, 6, 6, func(ctx context.Context) (err error) {
			content := bytes.Repeat([]byte("peas "), 100)
			file, err = bob.Upload(ctx, chat.NewUpload{RoomID: garden, Filename: "peas.txt", Size: int64(len(content))}, bytes.NewReader(content))
			return err
		}},
		{"send it", 20, 15, 22, func(ctx context.Context) (err error) {
			said, err = bob.Send(ctx, chat.NewMessage{RoomID: garden, Content: "a list", Attachments: []chat.FileRef{file}})
			return err
		}},
		{"open it", 7, 7, 0, func(ctx context.Context) error {
			r, err := ann.File(ctx, file.FileID)
			if err == nil {
				err = r.Close()
			}
			return err
		}},
		{"find people", 6, 6, 0, func(ctx context.Context) error { return only(ann.Users(ctx, "bo")) }},
		{"presence of a room of 3", 10, 9, 0, func(context.Context) error { return as(ann, "GET", "/presence?roomId="+garden, "", http.StatusOK) }},
		{"subscribe to push", 13, 6, 10, func(context.Context) error { ann.subscribe(t, h, service.Subscribe()); return nil }},
		{"notifications", 10, 11, 0, func(context.Context) error { return as(ann, "GET", "/notifications", "", http.StatusOK) }},
		{"everything about me", 18, 17, 0, func(ctx context.Context) error { return only(bob.Export(ctx)) }},
		{"leave a room", 12, 9, 17, func(ctx context.Context) error { return cid.Leave(ctx, garden) }},
		{"log out", 8, 5, 3, func(ctx context.Context) error { return cid.Logout(ctx) }},
		// Last, for the push itself comes some time after.
		{"mention who is away", 16, 12, 18, func(ctx context.Context) error {
			return only(bob.Send(ctx, chat.NewMessage{RoomID: garden, Content: "@ann look"}))
		}},
	})
}

// TestOnAWSBudgetOfSearch is TestOnAWSBudget for searching a long log: the first search reads all of it, and leaves behind
// what tells the others where not to look.
func TestOnAWSBudgetOfSearch(t *testing.T) {
	l, h, _ := bootCounted(t)
	ann := h.join(t, "ann")
	garden := public(t, "garden", ann)
	rare := ann.say(t, garden, "a lone hedgehog")
	for i := range 2*256 + 150 { // two blocks that may have digests, and the rest
		ann.say(t, garden, "%s", sentence(uint64(i)))
	}
	l.take()
	find := func(text string, want ...chat.Message) func(context.Context) error {
		return func(context.Context) error { ann.finds(t, garden, text, want...); return nil }
	}
	l.spend(t, []action{
		{"find by reading all", 14, 50, 26, find("hedgehog", rare)},
		{"find in one part of three", 11, 35, 0, find("hedgehog", rare)},
		{"find nothing", 10, 19, 0, find("badger")},
		{"edit far back", 13, 11, 30, func(ctx context.Context) (err error) {
			rare, err = ann.Edit(ctx, garden, rare.MessageID, "a pair of badgers")
			return err
		}},
		{"find by reading what changed", 12, 35, 14, func(context.Context) error { ann.finds(t, garden, "badger", rare); return nil }},
		{"find in one part again", 11, 35, 0, func(context.Context) error { ann.finds(t, garden, "badger", rare); return nil }},
	})
}

// sentence is one of 9 words, others for each n, as different as those of a language are.
func sentence(n uint64) string {
	r := rand.New(rand.NewPCG(n, 0))
	var b strings.Builder
	for range 9 {
		for range 1 + r.IntN(3) {
			b.WriteByte("bcdfghklmnprstvwxyzj"[r.IntN(20)])
			b.WriteByte("aeiou"[r.IntN(5)])
		}
		b.WriteByte(' ')
	}
	return b.String()
}
