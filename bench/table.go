package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// absent stands where there is nothing to compare with.
const absent = "-"

// writeTable writes the report for people: a line about the machine, then one row for each result, a
// blank line between numbers of clients.
func writeTable(w io.Writer, r report) error {
	references := measuredReferences(r)
	rows := [][]string{tableHeader(references)}
	clients := 0
	for i, one := range r.Results {
		if i > 0 && one.Clients != clients {
			rows = append(rows, nil)
		}
		clients = one.Clients
		rows = append(rows, tableRow(one, references))
	}
	_, err := fmt.Fprintf(w, "%s\n\n%s", conditions(r), alignColumns(rows))
	if err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// conditions says in one line under which conditions the figures were taken.
func conditions(r report) string {
	length := fmt.Sprintf("%gs after %gs of warm-up", r.Settings.DurationSeconds, r.Settings.WarmupSeconds)
	if r.Settings.Writes > 0 {
		length = fmt.Sprintf("%d writes", r.Settings.Writes)
	}
	return fmt.Sprintf("%s/%s, %d CPUs, fsync %.2f ms; %d byte values, %s, median of %d rounds",
		r.Machine.OS, r.Machine.Arch, r.Machine.CPUs, r.Machine.FsyncMS, r.Settings.Size, length, r.Settings.Rounds)
}

// measuredReferences are the systems that there are ratios to: those that were measured.
func measuredReferences(r report) []string {
	return slices.DeleteFunc(referenceSystems(), func(name string) bool {
		return !slices.ContainsFunc(r.Results, func(one result) bool { return one.System == name })
	})
}

// tableHeader names the columns. "ops/etcd" is this row's ops/s divided by etcd's, and so on.
func tableHeader(references []string) []string {
	header := []string{"system", "clients", "ops/s", "p50 ms", "p99 ms", "errors"}
	for _, name := range references {
		header = append(header, "ops/"+name, "p50/"+name, "p99/"+name)
	}
	return header
}

// tableRow formats one result.
func tableRow(one result, references []string) []string {
	row := []string{
		one.System,
		strconv.Itoa(one.Clients),
		strconv.FormatFloat(one.OpsPerSecond, 'f', 0, 64),
		strconv.FormatFloat(one.P50MS, 'f', 2, 64),
		strconv.FormatFloat(one.P99MS, 'f', 2, 64),
		strconv.Itoa(one.Errors),
	}
	for _, name := range references {
		against, ok := one.Against[name]
		if !ok || name == one.System {
			row = append(row, absent, absent, absent)
			continue
		}
		for _, ratio := range []float64{against.Ops, against.P50, against.P99} {
			row = append(row, strconv.FormatFloat(ratio, 'f', 2, 64)+"x")
		}
	}
	return row
}

// alignColumns pads the first column on the right and all others, which are numbers, on the left.
func alignColumns(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for column, cell := range row {
			widths[column] = max(widths[column], len(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for column, cell := range row {
			if column == 0 {
				fmt.Fprintf(&b, "%-*s", widths[column], cell)
			} else {
				fmt.Fprintf(&b, "  %*s", widths[column], cell)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
