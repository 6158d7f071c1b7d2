package protocol_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"parley/chat"
	"parley/protocol"
)

func TestDecode(t *testing.T) {
	n := func(n int64) *int64 { return &n }
	for frame, want := range map[string]protocol.Request{
		`{"action":"sendMessage","requestId":"1","data":{"roomId":"r","content":"hi \u00e9\ud83d\ude00\n","clientMessageId":"c","replyTo":"m"}}`: {
			Action: protocol.SendMessage, RequestID: "1", Message: chat.NewMessage{RoomID: "r", Content: "hi é😀\n", ClientMessageID: "c", ReplyTo: "m"}},
		` { "data" : {"content":"x", "roomId":"r", "clientMessageId":"c" } , "action" : "sendMessage" } `: {
			Action: protocol.SendMessage, Message: chat.NewMessage{RoomID: "r", Content: "x", ClientMessageID: "c"}},
		`{"action":"sendMessage","data":{"roomId":"r","content":"","clientMessageId":"c","attachments":[{"fileId":"f","size":3,"new":[{}]},{}],"replyTo":null}}`: {
			Action: protocol.SendMessage, Message: chat.NewMessage{RoomID: "r", ClientMessageID: "c", Attachments: []chat.FileRef{{FileID: "f"}, {}}}},
		`{"action":"getMessages","requestId":"q","data":{"roomId":"r","before":7,"after":null,"around":-1,"limit":50}}`: {
			Action: protocol.GetMessages, RequestID: "q", RoomID: "r", Page: chat.PageQuery{Before: n(7), Around: n(-1), Limit: 50}},
		`{"action":"getMessages","data":{"roomId":"r","limit":null}}`: {Action: protocol.GetMessages, RoomID: "r"},
		`{"action":"getMessages","data":{"roomId":"r","limit":0}}`:    {Action: protocol.GetMessages, RoomID: "r", Page: chat.PageQuery{Limit: -1}},
		`{"action":"markRead","data":{"seq":0,"roomId":"r"}}`:         {Action: protocol.MarkRead, RoomID: "r"},
		`{"action":"sync","data":{"rooms":{}}}`:                       {Action: protocol.Sync, Rooms: map[string]int64{}},
		`{"action":"getClients","data":{}}`:                           {Action: protocol.GetClients},
		`{"action":"getClients","data":{"roomId":"r"}}`:               {Action: protocol.GetClients, RoomID: "r"},
		`{"action":"sync","data":{"rooms":{"a":1,"b":0}}}`:            {Action: protocol.Sync, Rooms: map[string]int64{"a": 1, "b": 0}},
		`{"action":"typing","data":{"roomId":"r","seq":"ignored"}}`:   {Action: protocol.Typing, RoomID: "r"},
		`{"action":"markRead","data":{"roomId":"r","seq":9}}`:         {Action: protocol.MarkRead, RoomID: "r", Seq: 9},
		`{"action":"ping"}`: {Action: protocol.Ping},
		`{"action":"ping","data":null,"requestId":null}`:             {Action: protocol.Ping},
		`{"action":"ping","data":{"x":[1,-0.5e+3,true,false,null]}}`: {Action: protocol.Ping},
		`{"action":"pi\u006eg","later":{"a":{"b":[[]]}},"data":{}}`:  {Action: protocol.Ping},
	} {
		got, err := protocol.Decode([]byte(frame))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v (%v)\nwant %+v", frame, got, err, want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for name, c := range map[string]struct{ frame, id, field string }{
		"empty":              {"", "", ""},
		"white space":        {"  ", "", ""},
		"not an object":      {`[]`, "", ""},
		"no action":          {`{"requestId":"7","data":{}}`, "7", "action"},
		"unknown action":     {`{"action":"dance","data":{},"requestId":"7"}`, "7", "action"},
		"action of a type":   {`{"action":1,"requestId":"7"}`, "7", "action"},
		"data of a type":     {`{"action":"ping","requestId":"7","data":[]}`, "7", "data"},
		"field of a type":    {`{"action":"sendMessage","data":{"content":5},"requestId":"7"}`, "7", "content"},
		"seq is a string":    {`{"action":"markRead","data":{"seq":"5"},"requestId":"7"}`, "7", "seq"},
		"seq is a fraction":  {`{"action":"markRead","data":{"seq":5.5},"requestId":"7"}`, "7", "seq"},
		"seq is too large":   {`{"action":"markRead","data":{"seq":99999999999999999999},"requestId":"7"}`, "7", "seq"},
		"rooms is a list":    {`{"action":"sync","data":{"rooms":[]},"requestId":"7"}`, "7", "rooms"},
		"rooms of null":      {`{"action":"sync","data":{"rooms":{"a":null}},"requestId":"7"}`, "7", "rooms"},
		"attachments":        {`{"action":"sendMessage","data":{"attachments":["f"]},"requestId":"7"}`, "7", "attachments"},
		"key twice":          {`{"requestId":"7","action":"ping","action":"ping"}`, "7", ""},
		"key twice, escaped": {`{"requestId":"7","action":"ping","\u0061ction":"ping"}`, "7", ""},
		"key twice in data":  {`{"action":"typing","data":{"roomId":"a","roomId":"b"},"requestId":"7"}`, "", ""},
		"key twice unknown":  {`{"action":"ping","requestId":"7","x":{"a":1,"a":1}}`, "7", ""},
		"tenth key twice":    {`{"action":"ping","requestId":"7","x":{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"10":2}}`, "7", ""},
		"trailing data":      {`{"action":"ping","requestId":"7"}{}`, "7", ""},
		"trailing comma":     {`{"action":"ping","requestId":"7",}`, "7", ""},
		"list's comma":       {`{"action":"ping","requestId":"7","x":[1,]}`, "7", ""},
		"no comma":           {`{"action":"ping" "requestId":"7"}`, "", ""},
		"cut":                {`{"action":"ping","requestId":"7","data":{"x`, "7", ""},
		"too deep":           {`{"action":"ping","requestId":"7","x":` + deep + `}`, "7", ""},
		"control character":  {"{\"action\":\"sendMessage\",\"requestId\":\"7\",\"data\":{\"content\":\"a\nb\"}}", "7", ""},
		"invalid UTF-8":      {"{\"action\":\"sendMessage\",\"requestId\":\"7\",\"data\":{\"content\":\"\xff\"}}", "7", ""},
		"invalid id":         {"{\"action\":\"ping\",\"requestId\":\"\xff\"}", "", ""},
		"half a pair":        {`{"action":"sendMessage","requestId":"7","data":{"content":"\ud83d"}}`, "7", ""},
		"halves swapped":     {`{"action":"sendMessage","requestId":"7","data":{"content":"\ude00\ud83d"}}`, "7", ""},
		"unknown escape":     {`{"action":"sendMessage","requestId":"7","data":{"content":"\x"}}`, "7", ""},
		"number 01":          {`{"action":"ping","requestId":"7","x":01}`, "7", ""},
		"number -":           {`{"action":"ping","requestId":"7","x":-}`, "7", ""},
		"number 1.":          {`{"action":"ping","requestId":"7","x":1.}`, "7", ""},
		"word":               {`{"action":"ping","requestId":"7","x":nul}`, "7", ""},
		"id of a type":       {`{"action":"ping","requestId":7}`, "", "requestId"},
		"id too long":        {`{"action":"ping","requestId":"` + strings.Repeat("7", 129) + `"}`, strings.Repeat("7", 128), "requestId"},
		"id cut in a letter": {`{"action":"ping","requestId":"x` + strings.Repeat("ü", 64) + `"}`, "x" + strings.Repeat("ü", 63), "requestId"},
		"no data":            {`{"action":"sync","requestId":"7"}`, "7", "rooms"},
		"data of null":       {`{"action":"sync","requestId":"7","data":null}`, "7", "rooms"},
		"data of null first": {`{"data":null,"action":"sync","requestId":"7"}`, "7", "rooms"},
		"no rooms":           {`{"action":"sync","requestId":"7","data":{}}`, "7", "rooms"},
		"rooms null":         {`{"action":"sync","requestId":"7","data":{"rooms":null}}`, "7", "rooms"},
		"no seq":             {`{"action":"markRead","requestId":"7","data":{"roomId":"r"}}`, "7", "seq"},
		"seq null":           {`{"action":"markRead","requestId":"7","data":{"roomId":"r","seq":null}}`, "7", "seq"},
		"no room to read":    {`{"action":"markRead","requestId":"7","data":{"seq":1}}`, "7", "roomId"},
		"no room to type":    {`{"action":"typing","requestId":"7","data":{}}`, "7", "roomId"},
		"no room's messages": {`{"action":"getMessages","requestId":"7","data":{"limit":1}}`, "7", "roomId"},
		"no content":         {`{"action":"sendMessage","requestId":"7","data":{"roomId":"r","clientMessageId":"c"}}`, "7", "content"},
		"no clientMessageId": {`{"action":"sendMessage","requestId":"7","data":{"roomId":"r","content":"x","clientMessageId":null}}`, "7", "clientMessageId"},
		"too large":          {`{"action":"ping","requestId":"7","x":"` + strings.Repeat("x", protocol.MaxFrame) + `"}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := protocol.Decode([]byte(c.frame))
			if chat.CodeOf(err) != chat.InvalidRequest {
				t.Fatalf("error %v, want %s", err, chat.InvalidRequest)
			}
			if r.RequestID != c.id {
				t.Errorf("request id %q, want %q", r.RequestID, c.id)
			}
			if field := chat.AsError(err).Field; field != c.field {
				t.Errorf("field %q, want %q (%v)", field, c.field, err)
			}
		})
	}
}

// FuzzDecode holds Decode against encoding/json: what it takes is JSON and means the same there.
func FuzzDecode(f *testing.F) {
	golden, _ := filepath.Glob("testdata/*.json")
	for _, path := range golden {
		b, _ := os.ReadFile(path)
		f.Add(b)
	}
	f.Add([]byte(`{"action":"sendMessage","requestId":"1","data":{"roomId":"r","content":"hi \u00e9\ud83d\ude00\n","clientMessageId":"c","attachments":[{"fileId":"f","size":3}]}}`))
	f.Add([]byte(`{"data":{"rooms":{"a":1,"b":0}},"action":"sync"}`))
	f.Add([]byte(`{"action":"getMessages","data":{"roomId":"r","before":7,"limit":50,"x":[1,-0.5e+3,true,false,null]}}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		r, err := protocol.Decode(frame)
		if err != nil {
			if chat.CodeOf(err) != chat.InvalidRequest {
				t.Fatalf("%v", err)
			}
			return
		}
		var v map[string]any
		if err := json.Unmarshal(frame, &v); err != nil {
			t.Fatalf("taken, but %v", err)
		}
		if v["action"] != string(r.Action) {
			t.Fatalf("action %q, want %v", r.Action, v["action"])
		}
		if id, _ := v["requestId"].(string); id != r.RequestID {
			t.Fatalf("request id %q, want %q", r.RequestID, id)
		}
		data, _ := v["data"].(map[string]any)
		if r.Action == protocol.SendMessage {
			for key, got := range map[string]string{"roomId": r.Message.RoomID, "content": r.Message.Content, "clientMessageId": r.Message.ClientMessageID, "replyTo": r.Message.ReplyTo} {
				if want, _ := data[key].(string); got != want {
					t.Fatalf("%s %q, want %q", key, got, want)
				}
			}
		}
		if rooms, _ := data["rooms"].(map[string]any); r.Action == protocol.Sync && len(rooms) != len(r.Rooms) {
			t.Fatalf("rooms %v, want %v", r.Rooms, rooms)
		}
	})
}

func BenchmarkDecodeSendMessage(b *testing.B) {
	frame := fmt.Appendf(nil, `{"action":"sendMessage","requestId":"12","data":{"roomId":"01JD9QZ0000000000000000001","content":"%s","clientMessageId":"12-34"}}`, strings.Repeat("the quick brown fox ", 5))
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, err := protocol.Decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}
