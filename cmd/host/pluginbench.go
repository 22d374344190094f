package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/plugincheck/bench"
)

// maxBenchTime keeps a mistyped duration from rounds that are never looked at.
const maxBenchTime = time.Hour

// A pluginBench has the flags of plugin bench.
type pluginBench struct {
	subjectFlags
	duration time.Duration
	dir      string
	logs     bool
}

func newPluginBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench --kind KIND [flags] -- COMMAND [ARGUMENT...]",
		Short: "Measure an executable beside the shipped plugin of its kind",
		Long: `bench starts an executable and the shipped plugin of its kind, kv, wal or http, as a host
does, and measures both in turn, again and again. Each row has the rates of both and
their ratio with its standard error. No host and no cluster is needed.

A state machine is given entries of 256 random bytes. One that refuses them needs
--commands: a file with one command in each line, as plugin check takes it. The list is
taken again and again, and {i} in a command stands for its number; a line may be
base64:…. kv is then given puts of the same size. Queries are measured by the hint
observe of --hints.

The data of both lie in --dir. Syncs of a directory in memory cost nothing: choose one on
the disk that matters.`,
		Example: `  host plugin bench --kind statemachine --commands commands.txt -- ./ledger
  host plugin bench --kind storage --dir /var/tmp --duration 2m -o json -- ./tape`,
		Args: args(cobra.MinimumNArgs(1)),
	}
	out := addOutput(cmd)
	var p pluginBench
	p.add(cmd)
	cmd.Flags().DurationVar(&p.duration, "duration", 30*time.Second, "how long to measure, without starts and preparations")
	cmd.Flags().StringVar(&p.dir, "dir", "", "`directory` for the data of both plugins (default that of temporary files)")
	cmd.Flags().BoolVar(&p.logs, "logs", false, "show what the plugins log, on standard error")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if p.duration <= 0 || p.duration > maxBenchTime {
			return &usageError{cmd.CommandPath(), fmt.Sprintf("--duration must be above 0 and at most %v", maxBenchTime)}
		}
		if err := p.complete(cmd, given); err != nil {
			return err
		}
		return p.run(cmd, out)
	}
	return cmd
}

func (p *pluginBench) run(cmd *cobra.Command, out *format) error {
	logs := io.Discard
	if p.logs {
		logs = cmd.ErrOrStderr()
	}
	b, err := p.subject.Bench(cmd.Context(), backends(), logs)
	if err != nil {
		return err
	}
	line := newProgress(cmd.ErrOrStderr())
	b.Duration, b.Dir = p.duration, p.dir
	b.Progress = func(round, rounds int, what string) { line.show("round %d of %d, %s", round, rounds, what) }
	report, err := b.Run(cmd.Context())
	line.clear()
	if err != nil {
		return err
	}
	return out.print(cmd, report, func(w io.Writer) error { return printBench(w, report) })
}

// printBench writes a report for people.
func printBench(w io.Writer, r *bench.Report) error {
	err := table(w, func(w io.Writer) {
		row(w, "MEASURED", "UNIT", strings.ToUpper(r.Plugin.Name), strings.ToUpper(r.Shipped.Name)+" (SHIPPED)", "RATIO")
		for _, m := range r.Rows {
			row(w, m.Name, m.Unit, bench.Figure(m.Plugin), bench.Figure(m.Shipped), m.RatioText())
		}
	})
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "SKIPPED  %s: %s\n", s.Name, s.Reason)
	}
	fmt.Fprintf(&b, "%s %q, version %s, beside %q: %d rounds in %.0f s, data in %s\n", r.Kind, r.Plugin.Name, r.Plugin.Version, r.Shipped.Name, r.Rounds, r.Seconds, r.Dir)
	if r.Plugin.CommandBytes > 0 {
		fmt.Fprintf(&b, "commands of %d and %d bytes, snapshots of %d and %d\n",
			r.Plugin.CommandBytes, r.Shipped.CommandBytes, r.Plugin.SnapshotBytes, r.Shipped.SnapshotBytes)
	}
	_, err = io.WriteString(w, printableLines(b.String()))
	return err
}
