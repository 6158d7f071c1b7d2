package awsdev

import "net/http"

// places are the paths that CloudFront leads to the HTTP API (deploy/terraform/modules/cdn); the app has all others.
func places() []string {
	return []string{"/api/", "/docs", "/docs/", "/openapi.json", "/asyncapi.json", "/.well-known/", "/healthz", "/readyz", "/files/"}
}

// outside is what people reach: the socket, the HTTP API, the app if there is one, and the bucket for signed links, which
// on AWS has a host of its own.
func (h *House) outside(s3 http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", h.gateway.open)
	mux.Handle("/s3/", s3)
	if h.cfg.App == nil {
		mux.HandleFunc("/", h.proxy)
		return mux
	}
	for _, place := range places() {
		mux.HandleFunc(place, h.proxy)
	}
	mux.Handle("/", h.cfg.App)
	return mux
}
