package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
)

// report is the result of a run. Its JSON form is stable: fields are added, never renamed.
type report struct {
	Machine  machine        `json:"machine"`
	Settings reportSettings `json:"settings"`
	// Results are ordered by number of clients, then by system.
	Results []result `json:"results"`
}

// reportSettings says what was measured.
type reportSettings struct {
	Size            int     `json:"size"`
	DurationSeconds float64 `json:"duration_seconds"`
	WarmupSeconds   float64 `json:"warmup_seconds"`
	// Writes is the number of writes of each measurement; 0 if a measurement lasted DurationSeconds.
	Writes int `json:"writes"`
	Rounds int `json:"rounds"`
}

// result is one row of the table: the medians over all rounds of one system at one number of clients.
type result struct {
	System  string `json:"system"`
	Clients int    `json:"clients"`
	figures
	// Errors is the sum over all rounds.
	Errors int `json:"errors"`
	// Against has the ratios to the systems that others are compared with, under their names.
	Against map[string]ratios `json:"against"`
	// Rounds are the figures of the single rounds.
	Rounds []figures `json:"rounds"`
}

// figures is what one measurement yields.
type figures struct {
	OpsPerSecond float64 `json:"ops_per_second"`
	P50MS        float64 `json:"p50_ms"`
	P99MS        float64 `json:"p99_ms"`
}

// ratios are this system's figures divided by another's: more than 1 is better in Ops and worse in the
// latencies.
type ratios struct {
	Ops float64 `json:"ops"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// referenceSystems are the systems that all others are compared with.
func referenceSystems() []string {
	return []string{namePontoon, nameEtcd, nameHashicorp}
}

// newReport summarizes the samples of a run.
func newReport(s settings, m machine, samples []sample) report {
	r := report{
		Machine: m,
		Settings: reportSettings{
			Size:            s.size,
			DurationSeconds: s.duration.Seconds(),
			WarmupSeconds:   s.warmup.Seconds(),
			Writes:          s.writes,
			Rounds:          s.rounds,
		},
	}
	for _, clients := range s.clients {
		var rows []result
		for _, name := range s.systems {
			rows = append(rows, summarize(name, clients, samples))
		}
		r.Results = append(r.Results, compare(rows)...)
	}
	return r
}

// summarize takes the medians of one system at one number of clients.
func summarize(name string, clients int, samples []sample) result {
	row := result{System: name, Clients: clients}
	var ops, p50, p99 []float64
	for _, one := range samples {
		if one.system != name || one.clients != clients {
			continue
		}
		f := figures{OpsPerSecond: one.opsPerSecond, P50MS: milliseconds(one.p50), P99MS: milliseconds(one.p99)}
		row.Rounds = append(row.Rounds, f)
		row.Errors += one.errors
		ops, p50, p99 = append(ops, f.OpsPerSecond), append(p50, f.P50MS), append(p99, f.P99MS)
	}
	row.figures = figures{OpsPerSecond: median(ops), P50MS: median(p50), P99MS: median(p99)}
	return row
}

// compare fills in the ratios among rows of the same number of clients.
func compare(rows []result) []result {
	for i := range rows {
		rows[i].Against = make(map[string]ratios)
		for _, reference := range rows {
			if slices.Contains(referenceSystems(), reference.System) {
				rows[i].Against[reference.System] = ratios{
					Ops: rows[i].OpsPerSecond / reference.OpsPerSecond,
					P50: rows[i].P50MS / reference.P50MS,
					P99: rows[i].P99MS / reference.P99MS,
				}
			}
		}
	}
	return rows
}

// median returns the middle value, or the mean of the two middle ones; 0 if there is none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// writeJSON writes the report as indented JSON.
func writeJSON(w io.Writer, r report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}

// writeJSONFile writes the report to a file.
func writeJSONFile(path string, r report) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create -json file: %w", err)
	}
	if err := writeJSON(f, r); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("close -json file: %w", err)
	}
	return nil
}
