package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/httpapi"
)

// obj is a JSON object.
type obj = map[string]any

func TestTwoPeopleTalk(t *testing.T) {
	s := newServer(t)
	ada, bob := s.join("ada"), s.join("bob")
	room := s.room(ada, "public", "Garden")

	var joined chat.RoomView
	s.api(bob, "POST", "/rooms/"+room+"/join", obj{}, 200).json(&joined)
	if !joined.Joined || joined.Membership == nil || joined.Membership.Role != chat.Member || joined.MemberCount != 2 {
		t.Fatalf("joined: %+v", joined)
	}
	var first, again chat.Message
	s.api(ada, "POST", "/rooms/"+room+"/messages", obj{"content": "  hello\r\nthere ", "clientMessageId": "c1"}, 201).json(&first)
	s.api(ada, "POST", "/rooms/"+room+"/messages", obj{"content": "hello", "clientMessageId": "c1"}, 201).json(&again)
	if again.MessageID != first.MessageID || again.Seq != first.Seq || first.Content != "hello\nthere" {
		t.Fatalf("sent %+v, and again %+v", first, again)
	}
	var page chat.MessagePage
	s.api(bob, "GET", "/rooms/"+room+"/messages", nil, 200).json(&page)
	if len(page.Messages) != 1 || page.Messages[0].MessageID != first.MessageID || page.HasMoreBefore || page.HasMoreAfter {
		t.Fatalf("history: %+v", page)
	}
	var unread struct{ Rooms []chat.Unread }
	count := func() int64 {
		s.api(bob, "GET", "/unread", nil, 200).json(&unread)
		for _, r := range unread.Rooms {
			if r.RoomID == room {
				return r.Unread
			}
		}
		return -1
	}
	if n := count(); n != 1 {
		t.Errorf("unread %d, want 1", n)
	}
	s.api(bob, "PUT", "/rooms/"+room+"/read", obj{"seq": first.Seq}, 204)
	if n := count(); n != 0 {
		t.Errorf("unread after reading %d, want 0", n)
	}
	var edited, deleted chat.Message
	s.api(ada, "PATCH", "/rooms/"+room+"/messages/"+first.MessageID, obj{"content": "hello again"}, 200).json(&edited)
	if edited.Content != "hello again" || edited.UpdatedSeq <= first.Seq || edited.EditedAt == 0 {
		t.Errorf("edited: %+v", edited)
	}
	var same chat.Message
	s.api(bob, "GET", "/rooms/"+room+"/messages/"+first.MessageID, nil, 200).json(&same)
	if same.Content != "hello again" || same.Seq != first.Seq {
		t.Errorf("one message: %+v", same)
	}
	s.api(bob, "GET", "/rooms/"+room+"/messages/01J00000000000000000000000", nil, 404)
	s.api(s.join("mallory"), "GET", "/rooms/"+room+"/messages/"+first.MessageID, nil, 403)
	s.api(bob, "PATCH", "/rooms/"+room+"/messages/"+first.MessageID, obj{"content": "mine now"}, 403)
	var reacted chat.Message
	reaction := "/rooms/" + room + "/messages/" + first.MessageID + "/reactions/%F0%9F%91%8D"
	for range 2 {
		s.api(bob, "PUT", reaction, nil, 200).json(&reacted)
		if r := reacted.Reactions.Of("👍"); len(r) != 1 || r[0] != bob.user.UserID || reacted.UpdatedSeq != edited.UpdatedSeq+1 {
			t.Errorf("reacted: %+v", reacted)
		}
	}
	var bare chat.Message
	s.api(bob, "DELETE", reaction, nil, 200).json(&bare)
	s.api(ada, "DELETE", reaction, nil, 200).json(&bare)
	if len(bare.Reactions) != 0 || bare.UpdatedSeq != reacted.UpdatedSeq+1 {
		t.Errorf("without reactions: %+v", bare)
	}
	s.api(s.join("mallet"), "PUT", reaction, nil, 403)
	s.api(bob, "DELETE", "/rooms/"+room+"/messages/"+first.MessageID, nil, 403)
	s.api(ada, "DELETE", "/rooms/"+room+"/messages/"+first.MessageID, nil, 200).json(&deleted)
	if deleted.Content != "" || deleted.DeletedAt == 0 {
		t.Errorf("deleted: %+v", deleted)
	}
	s.api(bob, "PUT", reaction, nil, 409)
	missed := s.api(bob, "POST", "/sync", obj{"rooms": obj{room: first.Seq}}, 200)
	for _, want := range []string{`"type":"messageUpdated"`, `"complete":true`} {
		if !bytes.Contains(missed.Body, []byte(want)) {
			t.Errorf("sync lacks %s: %s", want, missed.Body)
		}
	}
	if bytes.Contains(missed.Body, []byte("hello again")) {
		t.Errorf("sync tells what was deleted: %s", missed.Body)
	}
	s.api(bob, "GET", "/users/"+ada.user.UserID+"/messages", nil, 200)
}

// TestSyncIsBounded: whoever missed much is told it in pieces that a slow network carries, and all of it once.
func TestSyncIsBounded(t *testing.T) {
	s := newServer(t)
	ada := s.join("ada")
	room := s.room(ada, "private", "Attic")
	var m chat.Message
	first, sent := int64(0), 0
	for range 60 {
		sent++
		s.api(ada, "POST", "/rooms/"+room+"/messages", obj{"content": strings.Repeat("x", 8000), "clientMessageId": fmt.Sprint(sent)}, 201).json(&m)
		if first == 0 {
			first = m.Seq
		}
	}
	answers, last := 0, first-1
	for more := true; more; answers++ {
		var got struct {
			Rooms []struct {
				Events []struct {
					Data struct{ Message chat.Message }
				}
				More bool
			}
		}
		a := s.api(ada, "POST", "/sync", obj{"rooms": obj{room: last}}, 200)
		if len(a.Body) > 300<<10 {
			t.Errorf("an answer has %d bytes", len(a.Body))
		}
		if a.json(&got); len(got.Rooms) != 1 || len(got.Rooms[0].Events) == 0 {
			t.Fatalf("after %d: %.200s", last, a.Body)
		}
		for _, e := range got.Rooms[0].Events {
			if last++; e.Data.Message.Seq != last {
				t.Fatalf("%d comes where %d should", e.Data.Message.Seq, last)
			}
		}
		more = got.Rooms[0].More
	}
	if last != m.Seq || answers < 2 {
		t.Errorf("%d answers tell up to %d of %d", answers, last, m.Seq)
	}
}

func TestNotifications(t *testing.T) {
	s := newServer(t)
	ada, bob, eve := s.join("ada"), s.join("bob"), s.join("eve")
	room := s.room(ada, "private", "Attic")
	s.api(ada, "PUT", "/rooms/"+room+"/members/"+bob.user.UserID, obj{}, 200)
	var m chat.Message
	s.api(ada, "POST", "/rooms/"+room+"/messages", obj{"content": "@bob look, @eve", "clientMessageId": "c1"}, 201).json(&m)
	if len(m.Mentions) != 1 || m.Mentions[0] != bob.user.UserID {
		t.Fatalf("mentions %v", m.Mentions)
	}
	centre := func(p *person) []chat.NotificationView {
		var page struct{ Notifications []chat.NotificationView }
		s.api(p, "GET", "/notifications?limit=10", nil, 200).json(&page)
		return page.Notifications
	}
	got := centre(bob)
	if len(got) != 1 || got[0].Kind != chat.NoticeMention || got[0].Message.MessageID != m.MessageID || got[0].Room.Name != "Attic" || got[0].Read {
		t.Fatalf("notifications %+v", got)
	}
	if n := len(centre(eve)) + len(centre(ada)); n != 0 {
		t.Errorf("%d notifications for others", n)
	}
	var view chat.RoomView
	s.api(bob, "PUT", "/rooms/"+room+"/notifications", obj{"level": "all"}, 204)
	s.api(bob, "GET", "/rooms/"+room, nil, 200).json(&view)
	if view.Mentions != 1 || view.Notify != chat.LevelAll {
		t.Errorf("the room %+v", view)
	}
	s.api(eve, "PUT", "/rooms/"+room+"/notifications", obj{"level": "all"}, 403)
	s.api(bob, "PUT", "/rooms/"+room+"/notifications", obj{"level": "loud"}, 400)
	s.api(bob, "PUT", "/rooms/"+room+"/read", obj{"seq": m.Seq}, 204)
	if got := centre(bob); !got[0].Read {
		t.Errorf("notifications after reading %+v", got)
	}
	var reads struct{ Reads []struct{ UserID string } }
	s.api(ada, "GET", "/rooms/"+room+"/reads", nil, 200).json(&reads)
	if len(reads.Reads) != 2 {
		t.Errorf("reads %+v", reads)
	}
	s.api(eve, "GET", "/rooms/"+room+"/reads", nil, 403)

	var rules chat.NotifyRules
	s.api(bob, "GET", "/me/notifications", nil, 200).json(&rules)
	if rules != chat.DefaultNotifyRules() {
		t.Errorf("rules %+v", rules)
	}
	quiet := obj{"from": "22:00", "to": "07:00", "timeZone": "Europe/Berlin"}
	s.api(bob, "PUT", "/me/notifications", obj{"quiet": quiet, "hideContent": true, "readReceipts": false}, 200)
	s.api(bob, "GET", "/me/notifications", nil, 200).json(&rules)
	if rules.Quiet == nil || rules.Quiet.TimeZone != "Europe/Berlin" || !rules.HideContent || rules.ReadReceipts {
		t.Errorf("rules %+v", rules)
	}
	s.api(bob, "PUT", "/me/notifications", obj{"quiet": obj{"from": "22:00", "to": "25:00", "timeZone": "Europe/Berlin"}}, 400)
	s.api(bob, "PUT", "/me/notifications", obj{"quiet": obj{"from": "22:00", "to": "07:00", "timeZone": "../../etc/passwd"}}, 400)
	s.api(bob, "GET", "/notifications?cursor=nonsense", nil, 400)
}

func TestExportAndErase(t *testing.T) {
	s := newServer(t)
	ada, bob, phone := s.join("ada"), s.join("bob"), s.login("ada")
	room := s.room(bob, "public", "Garden")
	s.api(ada, "POST", "/rooms/"+room+"/join", obj{}, 200)
	var m chat.Message
	s.api(ada, "POST", "/rooms/"+room+"/messages", obj{"content": "my secret <&> @bob", "clientMessageId": "c1"}, 201).json(&m)
	s.api(bob, "POST", "/rooms/"+room+"/messages", obj{"content": "of bob", "clientMessageId": "c1"}, 201)
	s.api(ada, "PUT", "/rooms/"+room+"/notifications", obj{"level": "nothing"}, 204)
	s.api(ada, "POST", "/invites", obj{}, 201)

	a := s.api(ada, "GET", "/me/export", nil, 200)
	var all httpapi.Export
	a.json(&all)
	if all.Account.Email != "ada@example.org" || len(all.Rooms) != 2 || len(all.Messages) != 1 || all.Messages[0].Content != m.Content ||
		len(all.Sessions) != 2 || len(all.Invites) != 1 || all.Files == nil || all.Subscriptions == nil {
		t.Errorf("export: %s", a.Body)
	}
	if !strings.Contains(a.Header.Get("Content-Disposition"), "attachment") || bytes.Contains(a.Body, []byte("of bob")) || bytes.Contains(a.Body, []byte("argon2")) {
		t.Errorf("export: %v %s", a.Header, a.Body)
	}

	if p := s.api(ada, "DELETE", "/me", obj{"password": "a wrong one"}, 400).problem(); p.Field != "password" {
		t.Errorf("a wrong password: %+v", p)
	}
	s.api(ada, "DELETE", "/me", nil, 400)
	s.api(nil, "DELETE", "/me", obj{"password": password}, 401)
	s.api(ada, "GET", "/me", nil, 200)
	var r httpapi.EraseReport
	s.api(ada, "DELETE", "/me", obj{"password": password}, 200).json(&r)
	if want := (httpapi.EraseReport{Messages: 1, Sessions: 2, Memberships: 2, Invites: 1, Complete: true}); r != want {
		t.Errorf("report %+v, want %+v", r, want)
	}
	for _, p := range []*person{ada, phone} {
		s.api(p, "GET", "/me", nil, 401)
	}
	s.api(nil, "POST", "/auth/refresh", obj{"refreshToken": phone.refresh}, 401)
	s.api(nil, "POST", "/auth/login", obj{"username": "ada", "password": password}, 401)
	s.api(nil, "POST", "/auth/register", obj{"username": "ada", "email": "x@example.org", "password": password}, 409)
	body := s.api(bob, "GET", "/rooms/"+room+"/messages", nil, 200).Body
	if bytes.Contains(body, []byte("secret")) || bytes.Contains(body, []byte(`"ada"`)) || !bytes.Contains(body, []byte("of bob")) {
		t.Errorf("history: %s", body)
	}
	var u chat.User
	s.api(bob, "GET", "/users/"+ada.user.UserID, nil, 200).json(&u)
	if u.DisplayName != "Deleted account" || u.Username == "ada" {
		t.Errorf("what is left: %+v", u)
	}
	var found struct{ Users []chat.User }
	s.api(bob, "GET", "/users?query=ada", nil, 200).json(&found)
	if len(found.Users) != 0 {
		t.Errorf("still found: %+v", found)
	}
}

// hangsUp is an identity whose person hangs up when they have given their password.
type hangsUp struct {
	httpapi.Identity
	hangUp func()
}

func (h *hangsUp) CheckPassword(ctx context.Context, p httpapi.Principal, password string) error {
	defer h.hangUp()
	return h.Identity.CheckPassword(ctx, p, password)
}

// TestEraseGoesOnAfterHangup: an account that cannot be signed in to any more is erased, whether or not somebody waits for it.
func TestEraseGoesOnAfterHangup(t *testing.T) {
	h := &hangsUp{}
	s := newServer(t, func(c *httpapi.Config) { h.Identity, c.Identity = c.Identity, h })
	ada, bob := s.join("ada"), s.join("bob")
	ctx, cancel := context.WithCancel(t.Context())
	h.hangUp = cancel
	r := httptest.NewRequestWithContext(ctx, http.MethodDelete, "http://chat.test/api/v1/me", strings.NewReader(`{"password":"`+password+`"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+ada.token)
	s.handler.ServeHTTP(httptest.NewRecorder(), r)
	var u chat.User
	s.api(bob, "GET", "/users/"+ada.user.UserID, nil, 200).json(&u)
	if u.Username == "ada" {
		t.Errorf("what is left: %+v", u)
	}
}

func TestRoomsAndMembers(t *testing.T) {
	s := newServer(t)
	ada, bob, eve := s.join("ada"), s.join("bob"), s.join("eve")
	room := s.room(ada, "private", "Attic")
	member := func(p *person) string { return "/rooms/" + room + "/members/" + p.user.UserID }

	s.api(bob, "POST", "/rooms/"+room+"/join", nil, 403)
	s.api(ada, "PUT", member(bob), obj{}, 200)
	s.api(bob, "PUT", member(eve), obj{}, 403)
	s.api(ada, "PUT", member(bob), obj{"role": "moderator"}, 200)
	s.api(bob, "PUT", member(eve), nil, 200)
	s.api(eve, "GET", member(ada), nil, 200)
	s.api(eve, "GET", "/rooms/"+room+"/members?limit=2", nil, 200)
	var found struct {
		Members []chat.MemberView
		Cursor  string
	}
	s.api(eve, "GET", "/rooms/"+room+"/members?query=BO&limit=8", nil, 200).json(&found)
	if len(found.Members) != 1 || found.Members[0].UserID != bob.user.UserID || found.Members[0].Role != chat.Moderator || found.Cursor != "" {
		t.Errorf("members whose names begin with bo: %+v", found)
	}
	s.api(eve, "GET", "/presence?roomId="+room, nil, 200)
	s.api(eve, "GET", "/presence", nil, 200)
	s.api(bob, "DELETE", member(eve), nil, 204)
	s.api(eve, "GET", member(ada), nil, 403)
	s.api(eve, "GET", "/rooms/"+room, nil, 403)

	var changed chat.RoomView
	s.api(ada, "PATCH", "/rooms/"+room, obj{"topic": "dust"}, 200).json(&changed)
	if changed.Topic != "dust" || changed.Name != "Attic" {
		t.Errorf("changed: %+v", changed.Room)
	}
	s.api(bob, "DELETE", "/rooms/"+room, nil, 403)
	s.api(bob, "POST", "/rooms/"+room+"/leave", nil, 204)
	s.api(ada, "DELETE", "/rooms/"+room, nil, 204)
	s.api(ada, "GET", "/rooms/"+room, nil, 404)

	var direct, same chat.RoomView
	s.api(ada, "POST", "/direct", obj{"userIds": []string{eve.user.UserID}}, 201).json(&direct)
	s.api(eve, "POST", "/direct", obj{"userIds": []string{ada.user.UserID}}, 200).json(&same)
	if direct.RoomID != same.RoomID || len(direct.Members) != 2 {
		t.Errorf("direct: %+v and %+v", direct, same)
	}
	public := s.room(ada, "public", "Garden")
	for path, want := range map[string]bool{"/rooms?scope=public&query=gard": true, "/rooms?scope=public&query=shed": false, "/rooms?scope=mine": false, "/rooms": false} {
		body := s.api(eve, "GET", path, nil, 200).Body
		if bytes.Contains(body, []byte(public)) != want {
			t.Errorf("GET %s: %s", path, body)
		}
		if bytes.Contains(body, []byte("Attic")) {
			t.Errorf("GET %s shows a room of others", path)
		}
	}
}

func TestProfile(t *testing.T) {
	s := newServer(t)
	ada := s.join("ada")
	var me struct {
		chat.User
		Admin bool
	}
	s.api(ada, "PATCH", "/me", obj{"displayName": "Ada  Lovelace"}, 200).json(&me)
	if me.DisplayName != "Ada Lovelace" || !me.Admin {
		t.Errorf("me: %+v", me)
	}
	s.api(ada, "PATCH", "/me", obj{}, 200).json(&me)
	if me.DisplayName != "Ada Lovelace" {
		t.Errorf("an empty change changed %+v", me)
	}
	s.api(ada, "GET", "/users?query=love", nil, 200)
	s.api(ada, "GET", "/users/"+ada.user.UserID, nil, 200)
	s.api(ada, "GET", "/users/nobody", nil, 404)

	var b bytes.Buffer
	img := image.NewRGBA(image.Rect(0, 0, 40, 20))
	img.Set(20, 10, color.RGBA{R: 200, A: 255})
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	picture := map[string]string{"Content-Type": "image/png"}
	set := func() string {
		t.Helper()
		a := s.do(call{method: "PUT", path: "/api/v1/me/avatar", body: b.Bytes(), as: ada, header: picture})
		if a.Status != 200 {
			t.Fatalf("avatar: %d %s", a.Status, a.Body)
		}
		a.json(&me)
		return me.AvatarURL
	}
	first := set()
	got := s.do(call{method: "GET", path: first})
	if got.Status != 200 || got.Header.Get("Content-Type") != "image/png" || got.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(got.Header.Get("Content-Security-Policy"), "sandbox") || !strings.Contains(got.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("picture: %d %v", got.Status, got.Header)
	}
	if a := s.do(call{method: "GET", path: first, header: map[string]string{"If-None-Match": got.Header.Get("ETag")}}); a.Status != 304 || len(a.Body) > 0 {
		t.Errorf("cached picture: %d", a.Status)
	}
	if again := set(); again != first {
		t.Errorf("the same picture is at %s and %s", first, again)
	}
	img.Set(20, 11, color.RGBA{B: 200, A: 255})
	b.Reset()
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	second := set()
	if a := s.do(call{method: "GET", path: first}); second == first || a.Status != 404 {
		t.Errorf("the old picture is still there: %d", a.Status)
	}
	s.api(ada, "DELETE", "/me/avatar", nil, 204)
	s.api(ada, "DELETE", "/me/avatar", nil, 204)
	if a := s.do(call{method: "GET", path: second}); a.Status != 404 {
		t.Errorf("a removed picture is still there: %d", a.Status)
	}
	for name, body := range map[string][]byte{"text": []byte("<script>"), "cut": b.Bytes()[:50], "nothing": {}} {
		if a := s.do(call{method: "PUT", path: "/api/v1/me/avatar", body: body, as: ada, header: picture}); a.Status != 400 || a.problem().Code != chat.InvalidRequest {
			t.Errorf("%s as a picture: %d %s", name, a.Status, a.Body)
		}
	}
	if a := s.do(call{method: "PUT", path: "/api/v1/me/avatar", body: make([]byte, 2<<20), as: ada, header: picture}); a.Status != 413 || a.problem().Code != chat.TooLarge {
		t.Errorf("a huge picture: %d %s", a.Status, a.Body)
	}
}

func TestInvites(t *testing.T) {
	s := newServer(t)
	ada, bob, eve := s.join("ada"), s.join("bob"), s.join("eve")
	room := s.room(ada, "private", "Attic")
	var made struct {
		Token, InviteID, URL string
		MaxUses              int
	}
	s.api(bob, "POST", "/invites", obj{"roomId": room}, 403)
	s.api(ada, "POST", "/invites", obj{"roomId": room, "maxUses": -1}, 400)
	s.api(ada, "POST", "/invites", obj{"roomId": room, "expiresIn": int64(1) << 62}, 400)
	s.api(ada, "POST", "/invites", obj{"roomId": room, "maxUses": 1, "expiresIn": 3600}, 201).json(&made)
	if made.Token == "" || made.URL != "http://chat.test/invite/"+made.Token || made.MaxUses != 1 {
		t.Fatalf("made %+v", made)
	}
	seen := s.api(nil, "GET", "/invites/"+made.Token, nil, 200).Body
	if !bytes.Contains(seen, []byte(`"name":"Attic"`)) || !bytes.Contains(seen, []byte(`"valid":true`)) {
		t.Errorf("seen: %s", seen)
	}
	if mine := s.api(ada, "GET", "/invites", nil, 200).Body; !bytes.Contains(mine, []byte(made.InviteID)) || bytes.Contains(mine, []byte(made.Token)) {
		t.Errorf("one's own: %s", mine)
	}
	if others := s.api(bob, "GET", "/invites", nil, 200).Body; string(others) != "{\"invites\":[]}\n" {
		t.Errorf("the other's: %s", others)
	}
	var accepted struct{ Room chat.RoomView }
	s.api(bob, "POST", "/invites/"+made.Token+"/accept", obj{}, 200).json(&accepted)
	if accepted.Room.RoomID != room || !accepted.Room.Joined {
		t.Errorf("accepted: %+v", accepted)
	}
	s.api(eve, "POST", "/invites/"+made.Token+"/accept", obj{}, 404)
	s.api(nil, "GET", "/invites/"+made.Token, nil, 404)

	s.api(ada, "POST", "/invites", obj{"roomId": room}, 201).json(&made)
	s.api(eve, "DELETE", "/invites/"+made.InviteID, nil, 404)
	s.api(ada, "DELETE", "/invites/"+made.Token, nil, 204)
	s.api(ada, "DELETE", "/invites/"+made.InviteID, nil, 404)
	s.api(eve, "POST", "/invites/"+made.Token+"/accept", nil, 404)
}

func TestServerAndTicket(t *testing.T) {
	s := newServer(t)
	var info struct {
		Name, Registration, Version string
		SetupRequired               bool
		Limits                      struct{ MessageBytes, AvatarBytes, DirectMembers int }
	}
	s.api(nil, "GET", "/server", nil, 200).json(&info)
	if !info.SetupRequired || info.Registration != "open" || info.Limits.MessageBytes != chat.MaxContent || info.Limits.AvatarBytes != 1<<20 {
		t.Errorf("server: %+v", info)
	}
	s.api(nil, "POST", "/auth/register", obj{"username": "ada", "email": "ada@example.org", "password": password, "serverName": "Garden club"}, 201)
	s.api(nil, "GET", "/server", nil, 200).json(&info)
	if info.SetupRequired || info.Name != "Garden club" {
		t.Errorf("server: %+v", info)
	}
	ada := s.login("ada")
	if rooms := s.api(ada, "GET", "/rooms", nil, 200).Body; !bytes.Contains(rooms, []byte(`"name":"Garden club"`)) {
		t.Errorf("no first room: %s", rooms)
	}
	var ticket struct {
		Ticket, URL string
		ExpiresIn   int
	}
	answer := s.api(ada, "POST", "/ws-tickets", obj{}, 200)
	answer.json(&ticket)
	if ticket.Ticket == "" || ticket.URL != "ws://chat.test/ws" || ticket.ExpiresIn != 30 || bytes.Contains(answer.Body, []byte("maxAge")) {
		t.Errorf("ticket: %s", answer.Body)
	}
}

func TestTicketOfASocketThatEnds(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.SocketLife = 2 * time.Hour })
	var ticket struct{ MaxAgeSeconds int }
	s.api(s.join("ada"), "POST", "/ws-tickets", obj{}, 200).json(&ticket)
	if ticket.MaxAgeSeconds != 7200 {
		t.Errorf("ticket: %+v", ticket)
	}
}
