package api

import (
	"net/http"
	"strconv"
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

// observers are a route's own figures, looked up once.
type observers struct {
	byClass  [6]prometheus.Counter // by hundreds of the status
	duration prometheus.Observer
}

func (m *metrics) watch(rt *route) {
	for class := 1; class < len(rt.seen.byClass); class++ {
		rt.seen.byClass[class] = m.requests.WithLabelValues(rt.method, rt.path, strconv.Itoa(class)+"xx")
	}
	rt.seen.duration = m.duration.WithLabelValues(rt.method, rt.path)
}

func (o *observers) observe(status int, took time.Duration) {
	o.byClass[status/100].Inc()
	o.duration.Observe(took.Seconds())
}

// hubCollector reads a Hub's counters when someone looks at the metrics.
type hubCollector struct{ hub *fanfare.Hub }

var (
	acceptedDesc = prometheus.NewDesc("fanfare_messages_accepted_total", "Messages accepted.", nil, nil)
	attemptsDesc = prometheus.NewDesc("fanfare_attempts_total", "Attempts made, by class of what happened.", []string{"class"}, nil)
	endedDesc    = prometheus.NewDesc("fanfare_deliveries_ended_total", "Deliveries that ended, by how.", []string{"state"}, nil)
	schemaDesc   = prometheus.NewDesc("fanfare_schema_violations_total", "Messages that the schema of their event type does not allow, by what became of them.", []string{"validation"}, nil)
	inFlightDesc = prometheus.NewDesc("fanfare_attempts_in_flight", "Attempts under way.", nil, nil)
	lanesDesc    = prometheus.NewDesc("fanfare_lanes", "Endpoints with deliveries in memory.", nil, nil)
	windowDesc   = prometheus.NewDesc("fanfare_deliveries_in_memory", "Deliveries in memory.", nil, nil)
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
	for class, v := range n.Attempts {
		counter(attemptsDesc, v, string(class))
	}
	gauge(inFlightDesc, float64(n.InFlight))
	gauge(lanesDesc, float64(n.Lanes))
	gauge(windowDesc, float64(n.Window))
	overdue := 0.0
	if !n.OldestDue.IsZero() {
		overdue = max(0, time.Since(n.OldestDue).Seconds())
	}
	gauge(overdueDesc, overdue)
}
