package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A text is "~b1:" room(4) seq(8) run(8) "~" and filler, all numbers in hexadecimal.
const (
	textMark = "~b1:"
	roomAt   = len(textMark)
	seqAt    = roomAt + 4
	runAt    = seqAt + 8
	textHead = runAt + 8 + 1
	textSize = 100
	filler   = "the quick brown fox jumps over the lazy dog and then has a rest in the warm evening sun. "
)

// newText is a text but for its numbers.
func newText() []byte {
	t := append(make([]byte, 0, textSize), textMark...)
	t = append(t, make([]byte, textHead-1-len(t))...)
	t = append(t, '~')
	return append(t, filler[:textSize-len(t)]...)
}

// person is one member of one room; the tags are those of `parley seed --tokens`.
type person struct {
	Token string `json:"token"`
	Room  string `json:"roomId"`
}

// kind is what a message of the server is about.
type kind int

const (
	kindOther   kind = iota
	kindReady        // the answer to hello
	kindAck          // of the text with the number beside it
	kindRefused      // the same
	kindText         // a delivery
	kindAnswer       // to ask
)

// wire is what the clients of a server say. Frames are those of clients; texts travel in both directions unchanged.
type wire interface {
	// path returns what is asked for in the opening handshake, and further header lines.
	path(p person) (path, header string)
	// hello appends the first frame; the answer to it says that all of the room is heard from now on.
	hello(dst []byte) []byte
	// publish appends the frame of a text with the number seq.
	publish(dst []byte, p person, seq int, text []byte) []byte
	// read tells what a message is about, and the number of the text that it answers.
	read(message []byte) (kind, int)
}

// parleyWire is the public contract, version 1.
type parleyWire struct{}

func (parleyWire) path(p person) (string, string) {
	return "/ws", "Sec-WebSocket-Protocol: parley.v1\r\nAuthorization: Bearer " + p.Token + "\r\n"
}

func (parleyWire) hello(dst []byte) []byte {
	return appendFrame(dst, opText, []byte(`{"action":"ping","requestId":"hello","data":{}}`))
}

func (parleyWire) publish(dst []byte, p person, seq int, text []byte) []byte {
	return appendFrame(dst, opText, fmt.Appendf(nil,
		`{"action":"sendMessage","requestId":"%08x","data":{"roomId":"%s","content":"%s","clientMessageId":"%s"}}`,
		seq, p.Room, text, text[roomAt:textHead-1]))
}

const (
	typePrefix = `{"type":"`
	requestID  = `","requestId":"`
)

// read needs no parser: a frame begins with its type, then the id of its request.
func (parleyWire) read(m []byte) (kind, int) {
	m, ok := bytes.CutPrefix(m, []byte(typePrefix))
	if !ok {
		return kindOther, 0
	}
	i := bytes.IndexByte(m, '"')
	if i < 0 {
		return kindOther, 0
	}
	number := func() int {
		if rest, ok := bytes.CutPrefix(m[i:], []byte(requestID)); ok && len(rest) >= 8 {
			return hex(rest[:8])
		}
		return -1
	}
	switch string(m[:i]) {
	case "newMessage":
		return kindText, 0
	case "ack":
		return kindAck, number()
	case "error":
		return kindRefused, number()
	case "pong":
		return kindReady, 0
	case "synced", "messageHistory":
		return kindAnswer, 0
	}
	return kindOther, 0
}

func syncFrame(room string, last int64) []byte {
	return appendFrame(nil, opText, fmt.Appendf(nil, `{"action":"sync","requestId":"sync","data":{"rooms":{"%s":%d}}}`, room, last))
}

func pageFrame(room string, after int64) []byte {
	return appendFrame(nil, opText, fmt.Appendf(nil,
		`{"action":"getMessages","requestId":"page","data":{"roomId":"%s","after":%d,"limit":50}}`, room, after))
}

// headOf reads the newest number of a room out of a pong.
func headOf(pong []byte, room string) (int64, error) {
	var p struct {
		Data struct {
			Rooms map[string]int64 `json:"rooms"`
		} `json:"data"`
	}
	err := json.Unmarshal(pong, &p)
	return p.Data.Rooms[room], err
}

// floorWire is what Floor understands: a text is its own frame, and the path names the room.
type floorWire struct{}

func (floorWire) path(p person) (string, string) { return "/" + p.Room, "" }

func (floorWire) hello(dst []byte) []byte { return appendFrame(dst, opText, []byte("hello")) }

func (floorWire) publish(dst []byte, _ person, _ int, text []byte) []byte {
	return appendFrame(dst, opText, text)
}

func (floorWire) read(m []byte) (kind, int) {
	switch {
	case bytes.HasPrefix(m, []byte("ok")) && len(m) == 10:
		return kindAck, hex(m[2:])
	case bytes.Equal(m, []byte("hello")):
		return kindReady, 0
	}
	return kindText, 0
}
