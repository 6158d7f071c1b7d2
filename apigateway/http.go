package apigateway

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// originHeader has the secret by which the distribution in front of the API is known.
const originHeader = "X-Parley-Origin"

// HTTP serves the events of an HTTP API (payload 2.0) by a handler. The answer is collected whole, as API Gateway wants
// it. Who brings secret (unless it is empty) is our own distribution, and believed whom it stands for.
func HTTP(handler http.Handler, secret string) func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		r, err := request(ctx, &e, secret)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusBadRequest}, nil //nolint:nilerr // the fault is the asker's
		}
		w := &response{header: http.Header{}}
		handler.ServeHTTP(w, r)
		return w.event(), nil
	}
}

// request is the request that an event tells of.
func request(ctx context.Context, e *events.APIGatewayV2HTTPRequest, secret string) (*http.Request, error) {
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, fmt.Errorf("decode the body: %w", err)
		}
	}
	path := e.RawPath
	if stage := "/" + e.RequestContext.Stage; e.RequestContext.Stage != "$default" && stage != "/" { // of a stage that is named in the path
		if rest, ok := strings.CutPrefix(path, stage); ok && (rest == "" || rest[0] == '/') {
			path = rest
		}
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	uri := path
	if e.RawQueryString != "" {
		uri += "?" + e.RawQueryString
	}
	r, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, uri, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request of an event: %w", err)
	}
	for name, value := range e.Headers {
		r.Header.Set(name, value) // several values of one name come joined by commas
	}
	if len(e.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	r.Host = e.RequestContext.DomainName
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	r.RequestURI, r.RemoteAddr, r.Proto = uri, e.RequestContext.HTTP.SourceIP, e.RequestContext.HTTP.Protocol
	if secret != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get(originHeader)), []byte(secret)) == 1 {
		r.RemoteAddr = viewer(r.Header.Get("X-Forwarded-For"), r.RemoteAddr)
	}
	r.Header.Del(originHeader)
	return r, nil
}

// viewer is who asked the distribution that the gateway was asked by: the distribution notes who asks it, and the
// gateway appends the distribution.
func viewer(forwarded, gatewayPeer string) string {
	hops := strings.Split(forwarded, ",")
	for i := len(hops) - 1; i >= 0; i-- {
		if hop := strings.TrimSpace(hops[i]); hop != "" && hop != gatewayPeer {
			return hop
		}
	}
	return gatewayPeer
}

// response collects an answer.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// event is the answer as API Gateway takes it: cookies for themselves, other values of one name joined, bytes in base64.
func (w *response) event() events.APIGatewayV2HTTPResponse {
	w.WriteHeader(http.StatusOK)
	out := events.APIGatewayV2HTTPResponse{StatusCode: w.status, Headers: make(map[string]string, len(w.header)), Cookies: w.header.Values("Set-Cookie")}
	for name, values := range w.header {
		if name != "Set-Cookie" {
			out.Headers[name] = strings.Join(values, ", ")
		}
	}
	if body := w.body.Bytes(); utf8.Valid(body) && w.header.Get("Content-Encoding") == "" {
		out.Body = string(body)
	} else {
		out.Body, out.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return out
}
