package main

import (
	"fmt"
	"io"
)

// A target is what one lane must be worth, as a multiple of others.
type target struct {
	what   string
	lane   string
	beside []string // the fastest of them
	least  float64
}

func targets() []target {
	return []target{
		{"wal beside the faster of the two", laneWAL, []string{laneEtcd, laneHashicorp}, 1.0},
		{"wal through the plugin RPC beside itself", laneRPC, []string{lanePipeline}, 0.7},
	}
}

// report prints medians and ratios.
func report(w io.Writer, results map[string][]float64) {
	fmt.Fprintf(w, "\nbatches of %d entries of %d bytes, every batch synced\n\n", batchEntries, entryBytes)
	fmt.Fprintf(w, "%-16s %12s %9s\n", "store", "entries/s", "MB/s")
	for _, l := range lanes() {
		rate := median(results[l.name])
		fmt.Fprintf(w, "%-16s %12.0f %9.1f   %s\n", l.name, rate, rate*entryBytes/1e6, l.about)
	}
	fmt.Fprintln(w)
	for _, t := range targets() {
		fastest := 0.0
		for _, name := range t.beside {
			fastest = max(fastest, median(results[name]))
		}
		ratio := median(results[t.lane]) / fastest
		verdict := "reached"
		if ratio < t.least {
			verdict = "missed"
		}
		fmt.Fprintf(w, "%-42s %5.2fx, target %.1fx: %s\n", t.what, ratio, t.least, verdict)
	}
}
