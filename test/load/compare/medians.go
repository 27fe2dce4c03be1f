package main

import (
	"fmt"
	"slices"

	"cometproxy/test/load/internal/crowd"
	"cometproxy/test/load/internal/figures"
)

// A result is all reports of one verb and one server.
type result struct {
	server  string
	reports []figures.Report
}

// of collects the results of a verb, in the order in which servers were measured.
func (t *taking) of(verb string) (all []result) {
	for _, r := range t.Reports {
		if r.Verb != verb {
			continue
		}
		i := slices.IndexFunc(all, func(x result) bool { return x.server == r.Server })
		if i < 0 {
			i = len(all)
			all = append(all, result{server: r.Server})
		}
		all[i].reports = append(all[i].reports, r)
	}
	return all
}

// values are a figure's, of all rounds.
func (r *result) values(key string) (all []float64) {
	for i := range r.reports {
		if v, ok := r.reports[i].Get(key); ok {
			all = append(all, v)
		}
	}
	return all
}

// median is a figure's, if there is one.
func (r *result) median(key string) (float64, bool) {
	all := r.values(key)
	return figures.Median(all), len(all) > 0
}

// cell is a figure in a table: the median, and the range of the rounds.
func (r *result) cell(key string) string {
	all := r.values(key)
	switch len(all) {
	case 0:
		return "–"
	case 1:
		return figures.Format(all[0])
	}
	return fmt.Sprintf("%s (%s–%s)", figures.Format(figures.Median(all)), figures.Format(slices.Min(all)), figures.Format(slices.Max(all)))
}

// ratio compares with another result, which may be missing.
func (r *result) ratio(key string, base float64) string {
	v, ok := r.median(key)
	if !ok || base <= 0 {
		return "–"
	}
	return figures.Format(v/base) + " ×"
}

// tally adds up what clients saw.
func (r *result) tally() (sum crowd.Tally) {
	for _, x := range r.reports {
		t := x.Tally
		sum.Received += t.Received
		sum.Lost += t.Lost
		sum.Doubled += t.Doubled
		sum.Wrong += t.Wrong
		sum.Refused += t.Refused
		sum.Closed += t.Closed
	}
	return sum
}

// base is what others are compared with: one server's figure, or the best of
// several.
func base(all []result, key string, less bool, names ...string) (best float64) {
	for i := range all {
		v, ok := all[i].median(key)
		if !ok || !slices.Contains(names, all[i].server) {
			continue
		}
		if best == 0 || less == (v < best) {
			best = v
		}
	}
	return best
}
