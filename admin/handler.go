package admin

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"runtime/pprof"
	"strconv"
	"time"

	"parley/chat"
)

const maxBody = 1 << 16

// Handler serves o to a Client. It asks nobody who they are: whoever can open its listener may do everything.
func Handler(o Operations, log *slog.Logger) http.Handler {
	h := handler{o, log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /users", answer(h, func(r *http.Request, n NewAccount) (Account, error) { return o.AddUser(r.Context(), n) }))
	mux.HandleFunc("GET /users", answer(h, func(r *http.Request, _ none) (page[Account], error) {
		items, next, err := o.Users(r.Context(), r.FormValue("cursor"))
		return page[Account]{items, next}, err
	}))
	mux.HandleFunc("POST /disabled", answer(h, func(r *http.Request, q disabledRequest) (none, error) {
		return none{}, o.SetDisabled(r.Context(), q.Username, q.Disabled)
	}))
	mux.HandleFunc("POST /password", answer(h, func(r *http.Request, q password) (password, error) {
		p, err := o.ResetPassword(r.Context(), q.Username, q.Password)
		return password{q.Username, p}, err
	}))
	mux.HandleFunc("GET /rooms", answer(h, func(r *http.Request, _ none) (page[Room], error) {
		items, next, err := o.Rooms(r.Context(), r.FormValue("cursor"))
		return page[Room]{items, next}, err
	}))
	mux.HandleFunc("POST /backup", answer(h, func(r *http.Request, q backupRequest) (none, error) {
		return none{}, o.Backup(r.Context(), q.Dir)
	}))
	mux.HandleFunc("GET /export", h.export)
	mux.HandleFunc("GET /debug/pprof/{profile}", h.profile)
	return mux
}

// The bodies.
type (
	none            struct{}
	disabledRequest struct {
		Username string `json:"username"`
		Disabled bool   `json:"disabled"`
	}
	password struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	backupRequest struct {
		Dir string `json:"dir"`
	}
	page[T any] struct {
		Items []T    `json:"items"`
		Next  string `json:"next,omitempty"`
	}
	refusal struct {
		Code    chat.Code `json:"code"`
		Message string    `json:"message"`
		Field   string    `json:"field,omitempty"`
	}
)

type handler struct {
	o   Operations
	log *slog.Logger
}

// answer makes a handler of one operation: decode, do, encode.
func answer[Q, A any](h handler, do func(*http.Request, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if r.Method == http.MethodPost {
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&q); err != nil {
				h.refuse(w, chat.Errorf(chat.InvalidRequest, "The request is not valid JSON."))
				return
			}
		}
		a, err := do(r, q)
		if err != nil {
			h.refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(a); err != nil {
			h.log.DebugContext(r.Context(), "answering an operator", "error", err)
		}
	}
}

func (h handler) refuse(w http.ResponseWriter, err error) {
	e := chat.AsError(err)
	message := e.Message
	if e.Code == chat.Internal { // the operator may know what they would find in the log
		message = err.Error()
		h.log.Error("an operator's request failed", "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	if err := json.NewEncoder(w).Encode(refusal{e.Code, message, e.Field}); err != nil {
		h.log.Debug("answering an operator", "error", err)
	}
}

func (h handler) export(w http.ResponseWriter, r *http.Request) {
	out := &begun{w: w}
	err := h.o.Export(r.Context(), out)
	if err != nil && !out.any {
		h.refuse(w, err)
		return
	}
	if err != nil { // the other side must see that it is not whole
		h.log.ErrorContext(r.Context(), "export broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
}

// maxProfile bounds how long a CPU profile takes.
const maxProfile = 10 * time.Minute

// profile writes a profile as net/http/pprof does, which would also put itself where every server could serve it: a CPU
// profile of so many seconds (default 30) as "profile", else one of those that package runtime/pprof knows.
func (h handler) profile(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("profile")
	if p := pprof.Lookup(name); p != nil {
		if err := p.WriteTo(w, 0); err != nil {
			h.log.DebugContext(r.Context(), "answering an operator", "error", err)
		}
		return
	}
	length := 30 * time.Second
	if s := r.FormValue("seconds"); s != "" {
		n, err := strconv.ParseFloat(s, 64)
		if length = time.Duration(n * float64(time.Second)); err != nil || !(n > 0 && length <= maxProfile) {
			h.refuse(w, chat.Errorf(chat.InvalidRequest, "The seconds must be a number up to %.0f.", maxProfile.Seconds()))
			return
		}
	}
	if name != "profile" {
		h.refuse(w, chat.Errorf(chat.NotFound, "There is no profile %q.", name))
		return
	}
	if err := pprof.StartCPUProfile(w); err != nil {
		h.refuse(w, chat.Errorf(chat.Conflict, "Another CPU profile is being taken."))
		return
	}
	defer pprof.StopCPUProfile()
	over := time.NewTimer(length)
	defer over.Stop()
	select {
	case <-over.C:
	case <-r.Context().Done():
	}
}

// begun notes whether anything was written.
type begun struct {
	w   io.Writer
	any bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.any = true
	return b.w.Write(p)
}
