package chat

import "context"

// SetLevel says of which messages of a room by wants to be told.
func (s *Service) SetLevel(ctx context.Context, by, roomID string, l Level) error {
	if !l.known() {
		return invalid("level", "level must be all, mentions, nothing or default.")
	}
	if err := s.allow(ctx, LimitSend, by); err != nil {
		return err
	}
	if _, err := s.member(ctx, roomID, by); err != nil {
		return err
	}
	return s.notices.SetLevel(ctx, by, roomID, l)
}

// NotifyRules returns by's own rules.
func (s *Service) NotifyRules(ctx context.Context, by string) (NotifyRules, error) {
	all, err := s.notices.Rules(ctx, by)
	if r, ok := all[by]; ok {
		return r, err
	}
	return DefaultNotifyRules(), err
}

// SetNotifyRules replaces them.
func (s *Service) SetNotifyRules(ctx context.Context, by string, r NotifyRules) error {
	if err := r.check(); err != nil {
		return err
	}
	if err := s.allow(ctx, LimitRequests, by); err != nil {
		return err
	}
	if err := s.present(ctx, by); err != nil {
		return err
	}
	return s.notices.SetRules(ctx, by, r)
}
