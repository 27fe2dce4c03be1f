package figures

import (
	"strings"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, tc := range []struct {
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{nil, 50, 0},
		{[]time.Duration{7}, 0, 7},
		{[]time.Duration{7}, 99, 7},
		{hundred, 0, 1},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 100, 100},
	} {
		if got := Percentile(tc.values, tc.p); got != tc.want {
			t.Errorf("%v %% of %d values: %d; want %d", tc.p, len(tc.values), got, tc.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(tc.values); got != tc.want {
			t.Errorf("got %v; want %v", got, tc.want)
		}
	}
}

func TestFormat(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.034: "0.03", 1.5: "1.50", 12.34: "12.3", 999.6: "1,000", 50200: "50,200", 1234567: "1,234,567", -4321: "-4,321"} {
		if got := Format(v); got != want {
			t.Errorf("%v is %s; want %s", v, got, want)
		}
	}
}

func TestReport(t *testing.T) {
	r := Report{Verb: "churn", Server: "floor", Missed: []string{"a promise"}}
	zero := 0.0
	r.Add("p99", 1.5, "ms", "a note")
	r.Add("nothing", 1/zero, "us", "")
	if v, ok := r.Get("p99"); !ok || v != 1.5 {
		t.Errorf("p99 is %v, %v", v, ok)
	}
	if v, ok := r.Get("nothing"); !ok || v != 0 {
		t.Errorf("what cannot be divided is %v, %v; want 0", v, ok)
	}
	var b strings.Builder
	r.Print(&b)
	for _, want := range []string{"churn floor", "1.50 ms", "a note", "MISSED: a promise"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}
