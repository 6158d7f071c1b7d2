package checker

import (
	"context"
	"errors"
	"time"

	"parley/chat"
	"parley/client"
)

// steady is a device that runs package client's Stream, which merges what is told live and by sync.
type steady struct {
	*device
	p       *person
	poll    bool // no socket: it asks by HTTP
	silence time.Duration

	streams chan *client.Stream // holds the one to send by, once there is one
}

func newSteady(ctx context.Context, rec *record, p *person, poll bool) *steady {
	return &steady{device: newDevice(ctx, rec, p, "stream"), p: p, poll: poll, silence: silence, streams: make(chan *client.Stream, 1)}
}

// run keeps a stream until ctx ends. When the session is lost, because the answer to a refresh was, it signs in again.
func (s *steady) run(ctx context.Context) error {
	from, _ := s.at()
	for {
		stream := s.p.Stream(client.StreamOptions{Handle: s.handle, From: from, All: true, PingEvery: s.silence / 2, AnswerWithin: s.silence, Poll: s.poll})
		s.streams <- stream
		err := stream.Run(ctx)
		<-s.streams
		if ctx.Err() != nil {
			return nil
		}
		if chat.CodeOf(err) != chat.Unauthenticated {
			return err
		}
		s.p.signIn(ctx)
		from = stream.Positions()
	}
}

// send sends by the stream of the moment.
func (s *steady) send(ctx context.Context, n chat.NewMessage) (chat.Message, error) {
	select {
	case stream := <-s.streams:
		s.streams <- stream
		return stream.Send(ctx, n)
	case <-ctx.Done():
		return chat.Message{}, ctx.Err()
	}
}

func (s *steady) handle(e client.Event) error {
	if e.RoomID == "" || e.Seq == 0 && !e.Reset {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Reset {
		s.end(e.RoomID)
		if e.Seq != 0 {
			s.begin(e.RoomID, e.Seq)
		}
		return nil
	}
	v := s.views[e.RoomID]
	if v == nil {
		v = s.begin(e.RoomID, e.Seq-1)
	}
	told := Told{Room: e.RoomID, How: Merged, Epoch: v.epoch, Seq: e.Seq}
	v.position = e.Seq
	switch {
	case e.NewMessage != nil:
		told.Message = e.NewMessage
	case e.Updated != nil:
		told.Message, told.Kind = e.Updated, chat.MessageChanged
	case e.Room != nil:
		told.Kind = e.Room.Change
	default:
		return errors.New("an event without contents")
	}
	if told.Message != nil {
		told.Frame = s.rec.canonical(marshal(told.Message))
		v.show(told.Message, told.Frame)
	}
	s.hear(told)
	if ends(told.Kind, e.Room, s.user) {
		s.end(e.RoomID)
	}
	return nil
}

// ends tells whether a change ends somebody's membership.
func ends(kind chat.ChangeKind, e *chat.RoomEvent, user string) bool {
	switch kind {
	case chat.RoomDeleted:
		return true
	case chat.MemberLeft, chat.MemberRemoved:
		return e.Membership != nil && e.Membership.UserID == user
	}
	return false
}
