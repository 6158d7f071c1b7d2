package awsdev

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// proxy is the HTTP API: every request is an event of payload version 2.0 for the http function.
func (h *House) proxy(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		gatewayError(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	answer, err := h.functions[HTTP].invoke(r.Context(), httpEvent(r, body))
	if err != nil {
		h.log.Warn("http function", "error", err)
		gatewayError(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	var resp events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(answer, &resp); err != nil || resp.StatusCode == 0 || len(answer) > maxAnswer {
		gatewayError(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	for name, value := range resp.Headers {
		w.Header().Set(name, value)
	}
	for name, values := range resp.MultiValueHeaders {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	for _, cookie := range resp.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	out := []byte(resp.Body)
	if resp.IsBase64Encoded {
		out, _ = base64.StdEncoding.DecodeString(resp.Body)
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(out) // whoever asked may be gone
}

func gatewayError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func httpEvent(r *http.Request, body []byte) events.APIGatewayV2HTTPRequest {
	now, source := time.Now(), sourceIP(r)
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: r.URL.EscapedPath(), RawQueryString: r.URL.RawQuery,
		Headers: joined(r), QueryStringParameters: map[string]string{}, Body: string(body),
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "$default", AccountID: "000000000000", Stage: "$default", RequestID: rand.Text(), APIID: "http",
			DomainName: r.Host, DomainPrefix: "http", Time: now.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: r.Method, Path: r.URL.Path, Protocol: r.Proto,
				SourceIP: source, UserAgent: r.UserAgent()},
		},
	}
	for name, values := range r.URL.Query() {
		e.QueryStringParameters[name] = strings.Join(values, ",")
	}
	for _, c := range r.Cookies() {
		e.Cookies = append(e.Cookies, c.Name+"="+c.Value)
	}
	if !textual(r.Header.Get("Content-Type")) || !utf8.Valid(body) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

// textual tells which bodies are handed on as they are.
func textual(contentType string) bool {
	return contentType == "" || strings.HasPrefix(contentType, "text/") || strings.HasPrefix(contentType, "application/json") ||
		strings.HasPrefix(contentType, "application/x-www-form-urlencoded")
}

// joined are headers with names in small letters, several of one name joined, and what the gateway adds.
func joined(r *http.Request) map[string]string {
	out := map[string]string{"host": r.Host, "x-forwarded-for": sourceIP(r), "x-forwarded-proto": "http"}
	for name, values := range r.Header {
		if name = strings.ToLower(name); name != "cookie" && name != "x-forwarded-for" {
			out[name] = strings.Join(values, ",")
		}
	}
	return out
}

func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
