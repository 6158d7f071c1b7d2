package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/chat"
)

// find searches to the end, in pages of limit, and returns what each message says. Between two pages it calls meanwhile,
// if there is one.
func (p *person) find(t *testing.T, q chat.SearchQuery, meanwhile func()) (found []chat.Message) {
	t.Helper()
	for back := chat.Millis(0); ; {
		page, err := p.Search(t.Context(), q)
		if err != nil {
			t.Fatalf("%s searches %+v: %v", p.Username, q, err)
		}
		if q.Limit != 0 && len(page.Messages) > q.Limit {
			t.Errorf("a page of %d for a limit of %d", len(page.Messages), q.Limit)
		}
		found = append(found, page.Messages...)
		if page.Cursor == "" {
			return found
		}
		if page.SearchedTo == 0 || back != 0 && page.SearchedTo > back {
			t.Errorf("searched to %d after %d", page.SearchedTo, back)
		}
		back, q.Cursor = page.SearchedTo, page.Cursor
		if meanwhile != nil {
			meanwhile()
		}
	}
}

// finds asserts that exactly these messages are found, each once, with what they say now.
func (p *person) finds(t *testing.T, room, text string, want ...chat.Message) {
	t.Helper()
	wants(t, fmt.Sprintf("%s by %q in %q", p.Username, text, room), p.find(t, chat.SearchQuery{Text: text, RoomID: room}, nil), want)
}

// wants asserts that these messages were found, the newest first. Those of one millisecond may stand either way, unless they
// are of one room.
func wants(t *testing.T, what string, found, want []chat.Message) {
	t.Helper()
	newest := func(a, b chat.Message) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(a.RoomID, b.RoomID), cmp.Compare(b.Seq, a.Seq))
	}
	ordered := slices.IsSortedFunc(found, func(a, b chat.Message) int {
		if a.RoomID == b.RoomID {
			return cmp.Compare(b.Seq, a.Seq)
		}
		return cmp.Compare(b.CreatedAt, a.CreatedAt)
	})
	same := slices.EqualFunc(slices.SortedFunc(slices.Values(found), newest), slices.SortedFunc(slices.Values(want), newest), func(a, b chat.Message) bool {
		return a.MessageID == b.MessageID && a.Content == b.Content && a.Username == b.Username
	})
	if !ordered || !same {
		t.Errorf("%s finds:\n%s\nwant:\n%s", what, contents(found), contents(want))
	}
}

func contents(messages []chat.Message) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "  %s %d %q\n", m.RoomID, m.Seq, m.Content)
	}
	return b.String()
}

// searching: what is said is found at once, in every script, as it is now.
func searching(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	garden, shed := public(t, "garden", ann, bob), public(t, "shed", ann, bob)
	german := ann.say(t, garden, "Die Äpfel hängen über der Straße")
	japanese := ann.say(t, garden, "明日は東京タワーで会いましょう")
	english := ann.say(t, shed, "Meet me at Café Tokyo, not in 東京")
	const all = ""
	for text, want := range map[string][]chat.Message{
		"äpfel":          {german},
		"ÄPFEL":          {german},
		"apfel":          {german},
		"strasse":        {german},
		"STRASSE hängen": {german},
		"uber raße":      {german}, // within a word
		"äpfel birnen":   nil,
		"タワー":            {japanese},
		"会いま":            {japanese},
		"cafe":           {english},
		"ｔｏｋｙｏ":          {english}, // full width
		`"me at"`:        {english},
		`"at me"`:        nil,
		"東京":             {english, japanese},
	} {
		bob.finds(t, all, text, want...)
		bob.finds(t, garden, text, slices.DeleteFunc(slices.Clone(want), func(m chat.Message) bool { return m.RoomID != garden })...)
	}
	reply := bob.say(t, garden, "東京, gladly")
	ann.finds(t, all, "東京", reply, english, japanese)
	if found := ann.find(t, chat.SearchQuery{Text: "東京", UserID: bob.UserID}, nil); len(found) != 1 || found[0].MessageID != reply.MessageID {
		t.Errorf("of bob's:\n%s", contents(found))
	}

	edited, err := ann.Edit(t.Context(), garden, german.MessageID, "Die Birnen hängen über dem Weg")
	if err != nil {
		t.Fatal(err)
	}
	bob.finds(t, all, "birnen", edited)
	bob.finds(t, garden, "äpfel")
	if err := ann.Delete(t.Context(), shed, english.MessageID); err != nil {
		t.Fatal(err)
	}
	bob.finds(t, all, "東京", reply, japanese)
	bob.finds(t, shed, "tokyo")

	const list = "peas, beans"
	file, err := ann.Upload(t.Context(), chat.NewUpload{RoomID: garden, Filename: "Übersicht März.txt", Size: int64(len(list))}, strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	sent, err := ann.Send(t.Context(), chat.NewMessage{RoomID: garden, Content: "as promised", Attachments: []chat.FileRef{file}})
	if err != nil {
		t.Fatal(err)
	}
	bob.finds(t, all, "marz ubersicht promised", sent)
	bob.finds(t, all, "beans") // what is in a file is not searched
}

// searchingIsForMembers: nobody finds what they may not read, and whoever comes finds what was before.
func searchingIsForMembers(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob, eve := h.join(t, "ann"), h.join(t, "bob"), h.join(t, "eve")
	garden := public(t, "garden", ann, bob)
	attic, err := ann.CreateRoom(t.Context(), chat.Private, "attic", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ann.SetMember(t.Context(), attic.RoomID, bob.UserID, ""); err != nil {
		t.Fatal(err)
	}
	open, private := ann.say(t, garden, "the treasure is a rake"), ann.say(t, attic.RoomID, "the treasure is a secret")
	whisper := ann.say(t, direct(t, ann, bob), "the treasure is ours")
	bob.finds(t, "", "treasure", whisper, private, open)

	eve.finds(t, "", "treasure")
	for _, room := range []string{garden, attic.RoomID, whisper.RoomID, "nothing"} {
		_, want := eve.History(t.Context(), room, chat.PageQuery{})
		if _, err := eve.Search(t.Context(), chat.SearchQuery{Text: "treasure", RoomID: room}); chat.CodeOf(err) == "" || chat.CodeOf(err) != chat.CodeOf(want) {
			t.Errorf("eve searches %s: %v; history says %v", room, err, want)
		}
	}
	if found := eve.find(t, chat.SearchQuery{Text: "treasure", UserID: ann.UserID}, nil); len(found) != 0 {
		t.Errorf("eve finds of ann's:\n%s", contents(found))
	}
	if _, err := eve.Join(t.Context(), garden); err != nil {
		t.Fatal(err)
	}
	eve.finds(t, "", "treasure", open)
	eve.finds(t, garden, "treasure", open)

	if err := bob.Leave(t.Context(), attic.RoomID); err != nil {
		t.Fatal(err)
	}
	if err := bob.Leave(t.Context(), garden); err != nil {
		t.Fatal(err)
	}
	bob.finds(t, "", "treasure", whisper)
	for _, room := range []string{garden, attic.RoomID} {
		if _, err := bob.Search(t.Context(), chat.SearchQuery{Text: "treasure", RoomID: room}); chat.CodeOf(err) != chat.Forbidden && chat.CodeOf(err) != chat.NotFound {
			t.Errorf("bob searches %s, which he left: %v", room, err)
		}
	}
}

// searchingFarBack: over logs long enough to be digested, page by page, each message is found once while others come,
// and what was changed there since is found as it is.
func searchingFarBack(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	garden, shed := public(t, "garden", ann, bob), public(t, "shed", ann, bob)
	rare := ann.say(t, garden, "a lone hedgehog")
	secret := bob.say(t, garden, "the gate code is quince")
	var said []chat.Message
	for i := range 730 { // two digests of the garden, and what is not digested yet
		switch {
		case i%8 == 0:
			said = append(said, ann.say(t, shed, "plum %d", i))
		case i%5 == 0:
			said = append(said, bob.say(t, garden, "plum %d", i))
		default:
			ann.say(t, garden, "weeds %d", i)
		}
	}
	came := 0
	found := bob.find(t, chat.SearchQuery{Text: "plum", Limit: 7}, func() {
		came++
		ann.say(t, garden, "plum that came %d", came)
		bob.say(t, shed, "plum that came %d", came)
	})
	found = slices.DeleteFunc(found, func(m chat.Message) bool { return strings.Contains(m.Content, "that came") })
	wants(t, "bob, page by page,", found, said)

	bob.finds(t, garden, "hedgehog", rare) // by the digests that were left
	bob.finds(t, "", "quince", secret)
	edited, err := ann.Edit(t.Context(), garden, rare.MessageID, "a pair of badgers")
	if err != nil {
		t.Fatal(err)
	}
	bob.finds(t, "", "badgers", edited)
	bob.finds(t, garden, "hedgehog")
	bob.finds(t, garden, "badgers", edited)
	if _, err := bob.EraseMe(t.Context(), password); err != nil {
		t.Fatal(err)
	}
	ann.finds(t, "", "quince")
	ann.finds(t, garden, "quince")

	again := h.restart(t).back(t, "ann")
	again.finds(t, garden, "badgers", edited)
	again.finds(t, "", "quince")
}

func limitsOfSearching(t *testing.T, in home) {
	h := in.boot(t, limited)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	room := public(t, "garden", ann, bob)
	said := ann.say(t, room, "hello")
	hurried := once(t, h)
	if _, err := hurried.Login(t.Context(), "ann", password); err != nil {
		t.Fatal(err)
	}
	var refusal error
	asked := 0
	for ; refusal == nil && asked < 500; asked++ {
		_, refusal = hurried.Search(t.Context(), chat.SearchQuery{Text: "hello", RoomID: room})
	}
	if e := chat.AsError(refusal); refusal == nil || e.Code != chat.RateLimited || e.RetryAfter <= 0 || e.RetryAfter > 5*time.Second {
		t.Fatalf("after %d searches at once: %v", asked, refusal)
	}
	if asked <= 10 {
		t.Errorf("only %d searches were taken: not enough to search while one types", asked-1)
	}
	bob.finds(t, room, "hello", said) // his limit is his own
	ann.finds(t, room, "hello", said) // patience gets through
	if _, err := hurried.Send(t.Context(), chat.NewMessage{RoomID: room, Content: "still here"}); err != nil {
		t.Errorf("who may not search now may not speak: %v", err)
	}
}
