package chat

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

const (
	onlineAfter  = 50 * time.Millisecond // so that a burst of connections is one announcement each
	offlineAfter = 2 * time.Second       // so that a reload or a short break is none
	presenceTick = 100 * time.Millisecond
	// MaxClients is how many people one answer to getClients holds.
	MaxClients = 250
)

// presence says who is there. A person is online while the edge has a connection of theirs; coming and going is
// announced when it has lasted a moment. mu guards all fields.
type presence struct {
	mu        sync.Mutex
	pending   map[string]pendingPresence // by user: what will be announced unless it is taken back
	announced map[string]bool            // users last announced as online
}

type pendingPresence struct {
	online bool
	due    time.Time
	at     Millis
}

// Connected and Disconnected are called by the edge when the first connection of a person opens and when the last one
// ends. Presence follows, debounced.
func (s *Service) Connected(userID string) { s.setPresence(userID, true, onlineAfter) }

// Disconnected is the opposite of Connected.
func (s *Service) Disconnected(userID string) { s.setPresence(userID, false, offlineAfter) }

func (s *Service) setPresence(userID string, online bool, after time.Duration) {
	now := s.now()
	p := &s.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.announced[userID] == online {
		delete(p.pending, userID)
		return
	}
	p.pending[userID] = pendingPresence{online: online, due: now.Add(after), at: now.UnixMilli()}
}

// runPresence announces what is due until ctx ends.
func (s *Service) runPresence(ctx context.Context) {
	ticker := time.NewTicker(presenceTick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if !s.shed("") { // later, then
				s.announcePresence(ctx)
			}
		}
	}
}

func (s *Service) announcePresence(ctx context.Context) {
	p := &s.presence
	now := s.now()
	due := make(map[string]pendingPresence)
	p.mu.Lock()
	for userID, change := range p.pending {
		if now.Before(change.due) {
			continue
		}
		due[userID] = change
		delete(p.pending, userID)
		if change.online {
			p.announced[userID] = true
		} else {
			delete(p.announced, userID)
		}
	}
	p.mu.Unlock()
	s.noteSeen(ctx, due)
	for userID, change := range due {
		s.deliverer.Signal(ctx, "", userID, Event{Presence: &Presence{UserID: userID, Online: change.online, LastSeen: change.at}})
	}
}

// TellPresence tells at once, without the pauses of Connected and Disconnected, that a person came or went; for edges
// that keep nothing in memory and know when it has lasted.
func (s *Service) TellPresence(ctx context.Context, userID string, online bool) {
	at := s.now().UnixMilli()
	s.noteSeen(ctx, map[string]pendingPresence{userID: {online: online, at: at}})
	s.deliverer.Signal(ctx, "", userID, Event{Presence: &Presence{UserID: userID, Online: online, LastSeen: at}})
}

// noteSeen stores the moments at which people came or went. All who came have the last one's: theirs counts only if this
// process dies before they go, and hundreds may come in a moment, each of whom would be a write of their own.
func (s *Service) noteSeen(ctx context.Context, changes map[string]pendingPresence) {
	var came []string
	var last Millis
	at := make(map[Millis][]string)
	for userID, change := range changes {
		if change.online {
			came, last = append(came, userID), max(last, change.at)
		} else {
			at[change.at] = append(at[change.at], userID)
		}
	}
	if len(came) > 0 {
		at[last] = append(at[last], came...)
	}
	for moment, userIDs := range at {
		if err := s.seen.SetSeen(ctx, moment, userIDs...); err != nil {
			s.logger.Warn("could not note when people were last seen", "error", err)
		}
	}
}

// forgetPresence notes, when the server stops, that everybody was seen until now.
func (s *Service) forgetPresence() error {
	p := &s.presence
	p.mu.Lock()
	ids := make([]string, 0, len(p.announced))
	for userID := range p.announced {
		ids = append(ids, userID)
	}
	clear(p.announced)
	clear(p.pending)
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	return s.seen.SetSeen(ctx, s.now().UnixMilli(), ids...)
}

// presenceOf returns the presence of people; lastSeen of those online is now, of those never seen zero.
func (s *Service) presenceOf(ctx context.Context, userIDs []string) (map[string]Presence, error) {
	online, err := s.deliverer.Online(ctx, userIDs...)
	if err != nil {
		return nil, err
	}
	seen, err := s.seen.Seen(ctx, userIDs...)
	if err != nil {
		return nil, err
	}
	now := s.now().UnixMilli()
	out := make(map[string]Presence, len(userIDs))
	for _, id := range userIDs {
		p := Presence{UserID: id, Online: online[id], LastSeen: seen[id]}
		if p.Online {
			p.LastSeen = now
		}
		out[id] = p
	}
	return out, nil
}

// Clients returns who is there: the members of one room, or with an empty roomID all who share a room with by. Those
// online come first; at most MaxClients.
func (s *Service) Clients(ctx context.Context, by, roomID string) ([]Client, error) {
	if err := s.allow(ctx, LimitRequests, by); err != nil {
		return nil, err
	}
	roomIDs := []string{roomID}
	if roomID != "" {
		if _, err := s.member(ctx, roomID, by); err != nil {
			return nil, err
		}
	} else {
		var err error
		if roomIDs, err = s.RoomIDs(ctx, by); err != nil {
			return nil, err
		}
	}
	ids := map[string]bool{by: true}
	for _, id := range roomIDs {
		members, _, err := s.rooms.Members(ctx, id, "", 1000)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			ids[m.UserID] = true
		}
		if len(ids) > 2000 {
			break
		}
	}
	return s.clients(ctx, ids)
}

func (s *Service) clients(ctx context.Context, set map[string]bool) ([]Client, error) {
	ids := make([]string, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	users, err := s.users.Users(ctx, ids...)
	if err != nil {
		return nil, err
	}
	there, err := s.presenceOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Client, len(users))
	for i, u := range users {
		out[i] = Client{UserID: u.UserID, Username: u.Username, Online: there[u.UserID].Online, LastSeen: there[u.UserID].LastSeen}
	}
	slices.SortFunc(out, func(a, b Client) int {
		if a.Online != b.Online {
			if a.Online {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Username, b.Username)
	})
	return out[:min(len(out), MaxClients)], nil
}

// Typing tells the others of a room that by is writing. Whoever hears it forgets it after five seconds without another.
// When messages have to wait, or very many write, nobody is told.
func (s *Service) Typing(ctx context.Context, by, roomID string) error {
	if err := s.allow(ctx, LimitTyping, by); err != nil {
		return err
	}
	if s.shed(roomID) {
		return nil
	}
	if _, err := s.member(ctx, roomID, by); err != nil {
		return err
	}
	if s.limiter.Allow(ctx, LimitTypingRoom, roomID) > 0 {
		return nil
	}
	s.deliverer.Signal(ctx, roomID, by, Event{Typing: &Typing{RoomID: roomID, UserID: by}})
	return nil
}
