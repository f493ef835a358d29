package api

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fanfarehq/fanfare"
)

// metrics are the figures at /metrics, in a registry of their own.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(hub *fanfare.Hub) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fanfare_http_requests_total", Help: "Requests answered, by route and class of status.",
		}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fanfare_http_request_duration_seconds", Help: "Time from the head of a request to its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route"}),
	}
	m.registry.MustRegister(m.requests, m.duration, hubCollector{hub},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// serveMetrics shows the figures to who is on this machine, and to admins: they
// say how much business is done here.
func (s *server) serveMetrics(figures http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !onThisMachine(r) {
			who, err := s.authenticate(r)
			if err == nil && who.application() != "" {
				err = insufficient("The figures are not part of the one application that you are let into.")
			}
			if err == nil {
				err = who.wholly()
			}
			if err == nil {
				err = who.may(access{})
			}
			if err != nil {
				p := problemOf(err)
				if p == nil {
					s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "route", r.URL.Path, "error", err)
					p = faultProblem(err)
				}
				p.write(w)
				return
			}
		}
		figures.ServeHTTP(w, r)
	}
}

// forwarding are headers by which proxies say that the request is somebody else's.
var forwarding = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"}

// onThisMachine reports whether the request was made on this machine, and not by a
// proxy on it that says so.
func onThisMachine(r *http.Request) bool {
	for _, name := range forwarding {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	addr, err := netip.ParseAddr(addressOf(r))
	return err == nil && addr.Unmap().IsLoopback()
}

// observers are a route's own figures, each looked up once. Those of what has not
// happened are not there: there are a thousand of them.
type observers struct {
	byClass  [6]func() prometheus.Counter // by hundreds of the status
	duration func() prometheus.Observer
}

func (m *metrics) watch(rt *route) {
	for class := range rt.seen.byClass {
		rt.seen.byClass[class] = sync.OnceValue(func() prometheus.Counter {
			return m.requests.WithLabelValues(rt.method, rt.path, strconv.Itoa(class)+"xx")
		})
	}
	rt.seen.duration = sync.OnceValue(func() prometheus.Observer {
		return m.duration.WithLabelValues(rt.method, rt.path)
	})
}

func (o *observers) observe(status int, took time.Duration) {
	o.byClass[status/100]().Inc()
	o.duration().Observe(took.Seconds())
}

// hubCollector reads a Hub's counters when someone looks at the metrics.
type hubCollector struct{ hub *fanfare.Hub }

var (
	acceptedDesc = prometheus.NewDesc("fanfare_messages_accepted_total", "Messages accepted.", nil, nil)
	attemptsDesc = prometheus.NewDesc("fanfare_attempts_total", "Attempts made, by class of what happened.", []string{"class"}, nil)
	endedDesc    = prometheus.NewDesc("fanfare_deliveries_ended_total", "Deliveries that ended, by how.", []string{"state"}, nil)
	schemaDesc   = prometheus.NewDesc("fanfare_schema_violations_total", "Messages that the schema of their event type does not allow, by what became of them.", []string{"validation"}, nil)
	filteredDesc = prometheus.NewDesc("fanfare_deliveries_filtered_total", "Deliveries that were not made, as an endpoint's filter did not match.", nil, nil)
	receivedDesc = prometheus.NewDesc("fanfare_source_received_total", "What came by sources, by profile and outcome: messages accepted, repeated or filtered out, and requests refused.", []string{"profile", "outcome"}, nil)
	inFlightDesc = prometheus.NewDesc("fanfare_attempts_in_flight", "Attempts under way.", nil, nil)
	lanesDesc    = prometheus.NewDesc("fanfare_lanes", "Endpoints with deliveries in memory.", nil, nil)
	windowDesc   = prometheus.NewDesc("fanfare_deliveries_in_memory", "Deliveries in memory.", nil, nil)
	nodesDesc    = prometheus.NewDesc("fanfare_nodes", "Nodes on the database whose lease has not run out.", nil, nil)
	shardsDesc   = prometheus.NewDesc("fanfare_shards", "Shards of the lanes that this node holds, of 256, and one for what a single node does for all.", nil, nil)
	leaseDesc    = prometheus.NewDesc("fanfare_lease_seconds", "How long this node's lease still lasts; 0: it has none.", nil, nil)
	takenDesc    = prometheus.NewDesc("fanfare_shards_taken_total", "Shards that this node took, of nodes that are gone or gave them up.", nil, nil)
	handedDesc   = prometheus.NewDesc("fanfare_shards_handed_over_total", "Shards that this node gave up.", nil, nil)
	lapsesDesc   = prometheus.NewDesc("fanfare_leases_lost_total", "How often this node lost its lease while it held shards.", nil, nil)
	overdueDesc  = prometheus.NewDesc("fanfare_oldest_due_seconds", "How long the longest overdue delivery in memory is overdue.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c hubCollector) Describe(descs chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(c, descs)
}

// Collect implements prometheus.Collector.
func (c hubCollector) Collect(figures chan<- prometheus.Metric) {
	n := c.hub.Counters()
	counter := func(desc *prometheus.Desc, v int64, labels ...string) {
		figures <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(desc *prometheus.Desc, v float64) {
		figures <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v)
	}
	counter(acceptedDesc, n.Accepted)
	counter(endedDesc, n.Delivered, fanfare.Delivered.String())
	counter(endedDesc, n.GivenUp, fanfare.GivenUp.String())
	counter(schemaDesc, n.SchemaWarnings, string(fanfare.ValidationWarn))
	counter(schemaDesc, n.SchemaRejects, string(fanfare.ValidationReject))
	counter(filteredDesc, n.Filtered)
	for class, v := range n.Attempts {
		counter(attemptsDesc, v, string(class))
	}
	for of, v := range c.hub.Received() {
		counter(receivedDesc, v, of.Profile, string(of.Outcome))
	}
	gauge(inFlightDesc, float64(n.InFlight))
	gauge(lanesDesc, float64(n.Lanes))
	gauge(windowDesc, float64(n.Window))
	overdue := 0.0
	if !n.OldestDue.IsZero() {
		overdue = max(0, time.Since(n.OldestDue).Seconds())
	}
	gauge(overdueDesc, overdue)
	if n.Node == nil {
		return
	}
	counter(takenDesc, n.Node.Taken)
	counter(handedDesc, n.Node.HandedOver)
	counter(lapsesDesc, n.Node.Lapses)
	gauge(shardsDesc, float64(n.Node.Shards))
	gauge(leaseDesc, max(0, time.Until(n.Node.LeaseUntil).Seconds()))
	ctx, cancel := context.WithTimeout(context.Background(), nodesWithin) // who looks at figures gives none
	defer cancel()
	if nodes, err := c.hub.Nodes(ctx); err == nil { // else that figure is missing, as the database is
		gauge(nodesDesc, float64(len(nodes)))
	}
}

// nodesWithin is how long the figures wait for the database, which has one of them.
const nodesWithin = time.Second
