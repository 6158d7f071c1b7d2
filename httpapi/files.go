package httpapi

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parley/chat"
)

// Paths of links to this server.
const (
	putPath = "/files/uploads/"
	getPath = "/files/content/"
)

// Pace is how slow a transfer of a file may be.
type Pace struct {
	Stall time.Duration // for which it may stand still; default 30 s
	Least int64         // bytes a second on the whole, after that, of what is sent here; default 8 KiB
}

func (p Pace) withDefaults() Pace {
	return Pace{cmp.Or(p.Stall, 30*time.Second), cmp.Or(p.Least, 8<<10)}
}

// until is when the next bytes must be there of a transfer that began at a moment and has brought n so far.
func (p Pace) until(began, now time.Time, n int64) time.Time {
	last := began.Add(p.Stall + time.Duration(float64(n)/float64(p.Least)*float64(time.Second)))
	if next := now.Add(p.Stall); next.Before(last) {
		return next
	}
	return last
}

// UploadBody announces a file.
type UploadBody struct {
	RoomID      string `json:"roomId" doc:"Where it will be sent."`
	Filename    string `json:"filename" example:"peas.jpg"`
	ContentType string `json:"contentType,omitempty" doc:"What the client thinks it is; the server finds out." example:"image/jpeg"`
	Size        int64  `json:"size" doc:"Bytes, exactly." example:"183204"`
}

// UploadTarget is where the content of a file is to be sent.
type UploadTarget struct {
	FileID    string            `json:"fileId"`
	URL       string            `json:"url" doc:"Put the content here." example:"https://chat.example.org/files/uploads/01JZ5Y3V7N8Q2R4S6T8V0W2X4Y?expires=1751703720&signature=…"`
	Method    string            `json:"method" enum:"PUT"`
	Headers   map[string]string `json:"headers" doc:"That the request must have."`
	ExpiresAt chat.Millis       `json:"expiresAt" doc:"The link does not work after that."`
}

// FileURLs are short-lived ways to a file.
type FileURLs struct {
	URL          string `json:"url"`
	ThumbnailURL string `json:"thumbnailUrl,omitempty"`
	ExpiresIn    int64  `json:"expiresIn" doc:"Seconds." example:"1500"`
}

// FilePath names a file.
type FilePath struct {
	FileID string `path:"fileId" doc:"The file."`
}

func (a *api) fileRoutes() {
	refuses := []chat.Code{chat.Forbidden, chat.NotFound, chat.Conflict}
	handle(a, route{id: "createUpload", method: http.MethodPost, path: "/uploads", tag: "files", summary: "Announce a file",
		about:  "Then put its content to the URL of the answer, and send a message with its fileId in the room. A file that no message takes goes after a day.",
		status: http.StatusCreated, access: counted, refuses: append(refuses, chat.TooLarge)}, a.createUpload)
	handle(a, route{id: "finishUpload", method: http.MethodPost, path: "/uploads/{fileId}/done", tag: "files", summary: "What a file was found to be",
		about: "Once its content was put. Sending a message with it does the same.", status: http.StatusOK, refuses: refuses}, a.finishUpload)
	handle(a, route{id: "deleteUpload", method: http.MethodDelete, path: "/uploads/{fileId}", tag: "files", summary: "Give up a file",
		about: "One that no message has taken; others go with their message.", refuses: refuses}, a.deleteUpload)
	handle(a, route{id: "getFile", method: http.MethodGet, path: "/files/{fileId}", tag: "files", summary: "Links to a file",
		about:   "For members of its room. To who accepts application/json the links; to others a redirect to the file, or with thumbnail=1 to its thumbnail.",
		refuses: refuses}, a.getFile)
}

func (a *api) createUpload(ctx context.Context, in *struct{ Body UploadBody }) (*out[UploadTarget], error) {
	u, err := a.Service.StartUpload(ctx, me(ctx).UserID, chat.NewUpload(in.Body))
	if err != nil {
		return nil, err
	}
	l, err := a.Files.PutLink(ctx, u)
	if err != nil {
		return nil, err
	}
	return &out[UploadTarget]{UploadTarget{FileID: u.FileID, URL: a.absolute(ctx, l.URL), Method: http.MethodPut, Headers: l.Header, ExpiresAt: l.Expires.UnixMilli()}}, nil
}

func (a *api) finishUpload(ctx context.Context, in *FilePath) (*out[chat.Attachment], error) {
	f, err := a.Service.FinishUpload(ctx, me(ctx).UserID, in.FileID)
	return &out[chat.Attachment]{f}, err
}

func (a *api) deleteUpload(ctx context.Context, in *FilePath) (*none, error) {
	return nil, a.Service.CancelUpload(ctx, me(ctx).UserID, in.FileID)
}

// fileAnswer is the links to a file, with a redirect for who wants the file itself.
type fileAnswer struct {
	Status   int
	Location string `header:"Location"`
	Body     FileURLs
}

func (a *api) getFile(ctx context.Context, in *struct {
	FilePath
	Thumbnail bool   `query:"thumbnail" doc:"Redirect to the thumbnail."`
	Accept    string `header:"Accept"`
}) (*fileAnswer, error) {
	u, err := a.Service.File(ctx, me(ctx).UserID, in.FileID)
	if err != nil {
		return nil, err
	}
	l, err := a.Files.GetLink(ctx, u, false)
	if err != nil {
		return nil, err
	}
	answer := &fileAnswer{Status: http.StatusOK, Body: FileURLs{URL: a.absolute(ctx, l.URL), ExpiresIn: int64(time.Until(l.Expires).Seconds())}}
	to := answer.Body.URL
	if u.Thumbnail || in.Thumbnail {
		if l, err = a.Files.GetLink(ctx, u, true); err != nil {
			return nil, err
		}
		answer.Body.ThumbnailURL = a.absolute(ctx, l.URL)
	}
	if in.Thumbnail {
		to = answer.Body.ThumbnailURL
	}
	if !acceptsJSON(in.Accept) {
		answer.Status, answer.Location = http.StatusFound, to
	}
	return answer, nil
}

func acceptsJSON(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		if t, _, err := mime.ParseMediaType(part); err == nil && t == "application/json" {
			return true
		}
	}
	return false
}

// linkRoutes are the links to this server that Files signs.
func (a *api) linkRoutes(mux *http.ServeMux) {
	if a.Files == nil {
		return
	}
	mux.HandleFunc("PUT "+putPath+"{fileId}", a.putFile)
	mux.HandleFunc("GET "+getPath+"{fileId}", a.serveFile)
}

// putFile takes the content of a file. It may take long, as long as enough comes.
func (a *api) putFile(w http.ResponseWriter, r *http.Request) {
	fileID := r.PathValue("fileId")
	_, _, err := a.Files.Check(putPath, fileID, r.URL.Query())
	if err == nil {
		control := http.NewResponseController(w)
		err = a.Service.ReceiveUpload(r.Context(), fileID, &patient{body: r.Body, control: control, pace: a.Pace, began: time.Now()})
		_ = control.SetWriteDeadline(time.Now().Add(a.Pace.Stall)) // that of the server has passed, perhaps
	}
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.Header().Set("Connection", "close") // the rest of the body is not read
		writeProblem(w, a.problem(r.Context(), err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveFile serves a file: never as anything that could run, and one range at most.
func (a *api) serveFile(w http.ResponseWriter, r *http.Request) {
	left, thumbnail, err := a.Files.Check(getPath, r.PathValue("fileId"), r.URL.Query())
	var content chat.FileContent
	if err == nil {
		var u chat.Upload
		if u, err = a.Service.Content(r.Context(), r.PathValue("fileId")); err == nil {
			content, err = a.Files.Open(r.Context(), u, thumbnail)
		}
	}
	if err != nil {
		writeProblem(w, a.problem(r.Context(), err))
		return
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", content.ContentType)
	h.Set("Content-Disposition", content.Disposition)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "private, immutable, max-age="+strconv.Itoa(int(left.Seconds())))
	h.Set("ETag", content.ETag)
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // many small parts cost much and help nobody
	}
	http.ServeContent(&patientWriter{ResponseWriter: w, control: http.NewResponseController(w), pace: a.Pace, r: r}, r, "", time.Time{}, content)
}

// patient is a body that may take longer than others, as long as it keeps pace.
type patient struct {
	body    io.Reader
	control *http.ResponseController
	pace    Pace
	began   time.Time
	n       int64 // bytes read
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(p.pace.until(p.began, time.Now(), p.n)) // without support for deadlines the server's own holds
	n, err := p.body.Read(b)
	p.n += int64(n)
	if errors.Is(err, io.EOF) { // a deadline that passes while the file is examined would end the request
		_ = p.control.SetReadDeadline(time.Time{}) // as above
	}
	return n, err
}

// patientWriter is an answer that may take longer than others, as long as something goes. A part that is not there is
// refused as everything else is.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	pace    Pace
	r       *http.Request
	refused bool
}

// WriteHeader implements http.ResponseWriter.
func (p *patientWriter) WriteHeader(status int) {
	if status != http.StatusRequestedRangeNotSatisfiable {
		p.ResponseWriter.WriteHeader(status)
		return
	}
	p.refused = true
	problem := newProblem(p.r.Context(), chat.Errorf(chat.InvalidRequest, "The file has no such part."))
	problem.Status, problem.Title = status, http.StatusText(status)
	writeProblem(p.ResponseWriter, problem)
}

// Write implements io.Writer.
func (p *patientWriter) Write(b []byte) (int, error) {
	if p.refused {
		return len(b), nil
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(p.pace.Stall)) // as above
	return p.ResponseWriter.Write(b)
}
