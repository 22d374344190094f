// Package facts writes what transport backends know of each peer as metrics.
package facts

import (
	"fmt"
	"io"
	"strconv"
)

// A Family is one metric that every peer has.
type Family[P any] struct {
	// Name is the metric's.
	Name string

	kind, help string
	samples    func(P) []Sample
}

// Gauge is a family whose samples, the values of one peer, go up and down.
func Gauge[P any](name, help string, samples func(P) []Sample) Family[P] {
	return Family[P]{name, "gauge", help, samples}
}

// Counter is a family whose samples only grow.
func Counter[P any](name, help string, samples func(P) []Sample) Family[P] {
	return Family[P]{name, "counter", help, samples}
}

// A Sample is one value.
type Sample struct {
	Labels string // beyond the peer, with a comma before them
	Value  float64
}

// One makes the samples of a family that has a single one for each peer.
func One[P any](value func(P) float64) func(P) []Sample {
	return func(p P) []Sample { return []Sample{{Value: value(p)}} }
}

// Write writes the family in Prometheus' text format.
func (f Family[P]) Write(w io.Writer, peers []P, id func(P) uint64) error {
	if _, err := fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", f.Name, f.help, f.Name, f.kind); err != nil {
		return err
	}
	for _, p := range peers {
		for _, s := range f.samples(p) {
			peer := strconv.FormatUint(id(p), 16)
			if _, err := fmt.Fprintf(w, "%s{peer=%q%s} %g\n", f.Name, peer, s.Labels, s.Value); err != nil {
				return err
			}
		}
	}
	return nil
}
