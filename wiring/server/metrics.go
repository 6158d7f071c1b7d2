package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"parley/gateway"
	"parley/notify"
)

// metrics makes the registry of one server and what serves it.
func metrics(g *gateway.Gateway, n *notify.Notifier) (*prometheus.Registry, http.Handler) {
	gauge := func(name, help string, read func(gateway.Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return read(g.Stats()) })
	}
	pushes := func(name, help string, read func(notify.Stats) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read(n.Stats())) })
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
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "parley_refused_connections_total", Help: "Sockets refused because the server is full.",
		}, func() float64 { return float64(g.Stats().Refused) }),
		pushes("parley_pushes_sent_total", "Notifications that push services took.", func(s notify.Stats) int64 { return s.Sent }),
		pushes("parley_pushes_failed_total", "Attempts to push that were not taken.", func(s notify.Stats) int64 { return s.Failed }),
		pushes("parley_push_subscriptions_removed_total", "Subscriptions that push services said had ended.", func(s notify.Stats) int64 { return s.Removed }),
	)
	return r, promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
