package bench

import (
	"math"
	"slices"
	"time"
)

// median returns the middle of values, or the mean of the two in the middle. Of
// none it is NaN.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentile returns the smallest of sorted that at least p of 100 do not exceed.
// Of none it is 0.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// Quantiles sum up durations, in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func quantiles(durations []time.Duration) *Quantiles {
	sorted := slices.Sorted(slices.Values(durations))
	return &Quantiles{
		P50: milliseconds(percentile(sorted, 50)),
		P99: milliseconds(percentile(sorted, 99)),
		Max: milliseconds(percentile(sorted, 100)),
	}
}

func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}

// each spreads d over n things and returns the microseconds of one.
func each(d time.Duration, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(d) / float64(time.Microsecond) / float64(n)
}

// mean is that of a and b, which count as much as their weights; 0 if those are nothing.
func mean[N int | float64](a float64, aWeighs N, b float64, bWeighs N) float64 {
	value, _ := ratio(a*float64(aWeighs)+b*float64(bWeighs), float64(aWeighs+bWeighs))
	return value
}

// ratio is a ÷ b; it is false where b is nothing.
func ratio(a, b float64) (value float64, ok bool) {
	if b == 0 {
		return 0, false
	}
	return a / b, true
}
