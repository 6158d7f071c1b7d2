package client

import (
	"encoding/json"
	"fmt"
	"time"

	"parley/chat"
)

// frame is one frame of the server.
type frame struct {
	Type      string          `json:"type"`
	RequestID string          `json:"requestId"`
	Data      json.RawMessage `json:"data"`
}

// action is one frame of the client.
type action struct {
	Action    string `json:"action"`
	RequestID string `json:"requestId,omitempty"`
	Data      any    `json:"data,omitempty"`
}

// event decodes a frame that tells something; ok is false for every other type.
func (f frame) event() (e Event, ok bool, err error) {
	var m struct{ Message *chat.Message }
	switch f.Type {
	case "newMessage", "ack":
		err = json.Unmarshal(f.Data, &m)
		if m.Message != nil {
			e = Event{RoomID: m.Message.RoomID, Seq: m.Message.Seq, NewMessage: m.Message}
		}
		ok = m.Message != nil
	case "messageUpdated":
		err = json.Unmarshal(f.Data, &m)
		if m.Message != nil {
			e = Event{RoomID: m.Message.RoomID, Seq: m.Message.UpdatedSeq, Updated: m.Message}
		}
		ok = m.Message != nil
	case "room":
		err = json.Unmarshal(f.Data, &e.Room)
		if ok = err == nil && e.Room.Room != nil; ok {
			e.RoomID, e.Seq = e.Room.Room.RoomID, e.Room.Seq
		}
	case "presence":
		ok, err = true, json.Unmarshal(f.Data, &e.Presence)
	case "notification":
		if err = json.Unmarshal(f.Data, &e.Notified); err == nil && e.Notified.Message != nil {
			e.RoomID, ok = e.Notified.Message.RoomID, true
		}
	case "typing":
		if err = json.Unmarshal(f.Data, &e.Typing); err == nil {
			e.RoomID, ok = e.Typing.RoomID, true
		}
	case "read":
		if err = json.Unmarshal(f.Data, &e.Read); err == nil {
			e.RoomID, ok = e.Read.RoomID, true
		}
	}
	if err != nil {
		return e, false, fmt.Errorf("decode a frame %s: %w", f.Type, err)
	}
	return e, ok, nil
}

// refusal decodes a frame error.
func (f frame) refusal() error {
	var e struct {
		Code         chat.Code
		Message      string
		Field        string
		RetryAfterMs int64
	}
	if err := json.Unmarshal(f.Data, &e); err != nil {
		return fmt.Errorf("decode a refusal: %w", err)
	}
	return &chat.Error{Code: e.Code, Message: e.Message, Field: e.Field, RetryAfter: time.Duration(e.RetryAfterMs) * time.Millisecond}
}

// synced is an answer to sync.
type synced struct {
	Rooms []struct {
		RoomID   string
		HeadSeq  int64
		Events   []frame
		Complete bool
		More     bool
	}
	More bool
}

// synced decodes an answer to sync; more says that rooms were left out of it.
func (f frame) synced() (rooms []roomSync, more bool, err error) {
	var data synced
	if err := json.Unmarshal(f.Data, &data); err != nil {
		return nil, false, fmt.Errorf("decode an answer to sync: %w", err)
	}
	return data.decode()
}

// decode decodes the events of each room; more says that rooms were left out.
func (a synced) decode() (rooms []roomSync, more bool, err error) {
	for _, r := range a.Rooms {
		s := roomSync{RoomID: r.RoomID, HeadSeq: r.HeadSeq, Complete: r.Complete, More: r.More}
		for _, missed := range r.Events {
			e, ok, err := missed.event()
			if err != nil {
				return nil, false, err
			}
			if ok {
				s.Events = append(s.Events, e)
			}
		}
		rooms = append(rooms, s)
	}
	return rooms, a.More, nil
}
