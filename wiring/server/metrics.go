package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"parley/gateway"
)

// metrics makes the registry of one server and what serves it.
func metrics(g *gateway.Gateway) (*prometheus.Registry, http.Handler) {
	gauge := func(name, help string, read func(gateway.Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return read(g.Stats()) })
	}
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("parley_connections", "Sockets open now.", func(s gateway.Stats) float64 { return float64(s.Connections) }),
		gauge("parley_requests_in_flight", "Socket requests under way.", func(s gateway.Stats) float64 { return float64(s.InFlight) }),
		gauge("parley_queued_bytes", "What waits for slow readers.", func(s gateway.Stats) float64 { return float64(s.Queued) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "parley_slow_connections_total", Help: "Sockets closed because they did not read fast enough.",
		}, func() float64 { return float64(g.Stats().Slow) }),
	)
	return r, promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
