package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/cmd/host/load"
)

// benchReport is the JSON of bench.
type benchReport struct {
	Clients      int     `json:"clients"`
	Size         int     `json:"size"`
	Seconds      float64 `json:"seconds"`
	Ops          uint64  `json:"ops"`
	OpsPerSecond float64 `json:"ops_per_second"`
	P50          float64 `json:"p50_ms"`
	P99          float64 `json:"p99_ms"`
	Errors       uint64  `json:"errors"`
}

func (r benchReport) table(w io.Writer) error {
	return table(w, func(w io.Writer) {
		row(w, "CLIENTS", "SIZE", "SECONDS", "OPS", "OPS/S", "P50 MS", "P99 MS", "ERRORS")
		row(w, r.Clients, r.Size, fmt.Sprintf("%.1f", r.Seconds), r.Ops, fmt.Sprintf("%.0f", r.OpsPerSecond),
			fmt.Sprintf("%.3f", r.P50), fmt.Sprintf("%.3f", r.P99), r.Errors)
	})
}

// benchFlags are those of both benchmarks.
type benchFlags struct {
	cluster *clusterFlags
	out     *format
	load    load.Settings
	size    int
	keys    int
}

// maxBenchClients keeps a mistyped number from exhausting the machine.
const maxBenchClients = 100_000

func addBench(cmd *cobra.Command) *benchFlags {
	f := &benchFlags{cluster: addCluster(cmd), out: addOutput(cmd), load: load.Settings{Pause: 10 * time.Millisecond}}
	cmd.Flags().IntVar(&f.load.Clients, "clients", 64, "how many operations are on their way at once")
	cmd.Flags().IntVar(&f.size, "size", 256, "bytes of each value")
	cmd.Flags().DurationVar(&f.load.Duration, "duration", 5*time.Second, "how long to measure")
	cmd.Flags().DurationVar(&f.load.Warmup, "warmup", time.Second, "time under load before that; it does not count")
	cmd.Flags().IntVar(&f.keys, "keys", 10_000, "how many keys there are, all beginning with bench/")
	return f
}

func (f *benchFlags) check(cmd *cobra.Command) error {
	err := f.load.Validate()
	switch {
	case err != nil:
	case f.load.Clients > maxBenchClients:
		err = fmt.Errorf("at most %d clients", maxBenchClients)
	case f.size < 0 || f.size > maxInput:
		err = fmt.Errorf("the size of a value is from 0 to %d", maxInput)
	case f.keys < 1:
		err = errors.New("needs at least one key")
	}
	if err != nil {
		return &usageError{cmd.CommandPath(), err.Error()}
	}
	return nil
}

// run measures op with one client connection for all and prints the report.
func (f *benchFlags) run(cmd *cobra.Command, prepare func(context.Context, kvStore) error, op func(kvStore) load.Operation) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	return f.cluster.with(cmd, func(c *client.Client) error {
		s := kvStore{c}
		if err := prepare(cmd.Context(), s); err != nil {
			return err
		}
		line := newProgress(cmd.ErrOrStderr())
		line.show("warming up, %d clients", f.load.Clients)
		r := load.Run(cmd.Context(), f.load, op(s), func(d time.Duration, ops uint64) {
			line.show("%.0fs of %v, %d clients: %.0f ops/s", d.Seconds(), f.load.Duration, f.load.Clients, float64(ops)/d.Seconds())
		})
		line.clear()
		report := reportOf(f, r)
		if err := f.out.print(cmd, report, report.table); err != nil {
			return err
		}
		return verdict(cmd.Context(), r)
	})
}

func reportOf(f *benchFlags, r load.Result) benchReport {
	return benchReport{
		Clients: f.load.Clients, Size: f.size, Seconds: rounded(r.Elapsed.Seconds()),
		Ops: r.Ops, OpsPerSecond: rounded(r.OpsPerSecond()),
		P50: milliseconds(r.P50), P99: milliseconds(r.P99), Errors: r.Errors,
	}
}

// rounded leaves out digits that mean nothing.
func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }

// milliseconds keeps every digit that was measured: microseconds.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// verdict fails a run that was interrupted, or in which nothing succeeded.
func verdict(ctx context.Context, r load.Result) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case r.Ops == 0 && r.FirstError != nil:
		return fmt.Errorf("no operation succeeded: %w", r.FirstError)
	case r.Ops == 0:
		return errors.New("no operation ended in the measured time")
	}
	return nil
}

func benchKey(i, keys int) []byte { return fmt.Appendf(nil, "bench/%08d", i%keys) }

func newBenchQuery() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "query",
		Short: "Measure reads",
		Long: `query first writes one key for each client, then reads those keys in a closed
loop: linearizable, or with --stale at once with what the member has.`,
		Example: `  host bench query --clients 64 --duration 5s
  host bench query --stale -o json`,
		Args: args(cobra.NoArgs),
	}
	f := addBench(cmd)
	stale := addConsistency(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return f.run(cmd, f.writeKeys, func(s kvStore) load.Operation {
			l := level(*stale)
			return func(ctx context.Context, i int) error {
				_, err := s.get(ctx, benchKey(i, f.keys), l)
				return err
			}
		})
	}
	return cmd
}

// writeKeys gives each client a key to read.
func (f *benchFlags) writeKeys(ctx context.Context, s kvStore) error {
	value := bytes.Repeat([]byte{'v'}, f.size)
	for i := range min(f.load.Clients, f.keys) {
		if _, err := s.command(ctx, kv.EncodePut(benchKey(i, f.keys), value)); err != nil {
			return err
		}
	}
	return nil
}
