package store

import (
	"context"

	"parley/chat"
	"parley/store/table"
)

// maxSignals are taken at once: as many as one transaction removes.
const maxSignals = table.MaxOps

// PutSignal implements chat.Signals.
func (s *Store) PutSignal(ctx context.Context, connectionID string, frame []byte, until chat.Millis) error {
	return wrap("keep a signal", s.db.Write(ctx, put(table.Item{Key: signalKey(connectionID, chat.NewID(s.now())), Expires: seconds(until),
		Attrs: []table.Attr{table.S("frame", string(frame))}})))
}

// TakeSignals implements chat.Signals. Of two who take at once both may get the same.
func (s *Store) TakeSignals(ctx context.Context, connectionID string) ([][]byte, error) {
	page, err := s.db.Query(ctx, table.Query{Table: tChat, Part: signalKey(connectionID, "").Part, Limit: maxSignals})
	if err != nil || len(page.Items) == 0 {
		return nil, wrap("read signals", err)
	}
	frames, ops := make([][]byte, len(page.Items)), make([]table.Op, len(page.Items))
	for i := range page.Items {
		frames[i], ops[i] = []byte(page.Items[i].Text("frame")), del(page.Items[i].Key)
	}
	return frames, wrap("remove signals", s.db.Write(ctx, ops...))
}
