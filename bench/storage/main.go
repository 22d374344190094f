// Command storage measures appends of Pontoon's storage backend wal beside
// etcd's wal package and hashicorp/raft-wal, and beside itself in a plugin
// process, over RPC. All of them get batches of 64 entries of 256 bytes and
// sync each batch, on the same disk, in turns.
//
//	make bench-storage
//	cd bench && go run ./storage -rounds 5 -duration 5s -dir /a/real/disk
//	cd bench && go run ./storage -large 1024
//
// The last measures a snapshot and a log of 1 GiB in a plugin process: speed
// beside that of a plain file, and how much memory both processes take.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
	"github.com/pontoon-raft/pontoon/sdk"
)

// backends are what this program serves when the catalog starts it again.
func backends() []backend.Backend { return []backend.Backend{wal.Backend()} }

func main() {
	sdk.ServeBuiltin(os.Args[1:], backends())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir := flag.String("dir", "data", "directory on the disk to measure; made if it does not exist")
	rounds := flag.Int("rounds", 3, "how often each is measured; the table has the medians")
	duration := flag.Duration("duration", 3*time.Second, "length of one measurement")
	large := flag.Int64("large", 0, "instead measure a snapshot and a log of so many MiB")
	flag.Parse()
	if *rounds < 1 || *duration <= 0 || flag.NArg() > 0 {
		return fmt.Errorf("usage: storage [-dir DIR] [-rounds N] [-duration D] [-large MiB]")
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return err
	}
	base, err := os.MkdirTemp(*dir, "storage-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(base)
	if base, err = filepath.Abs(base); err != nil {
		return err
	}
	if *large > 0 {
		return measureLarge(ctx, os.Stdout, base, *large<<20)
	}
	results, err := measure(ctx, base, *rounds, *duration)
	if err != nil {
		return err
	}
	report(os.Stdout, results)
	return nil
}

// measure takes turns: each round begins with another lane, so that a disk that
// slows down meets all of them alike.
func measure(ctx context.Context, base string, rounds int, d time.Duration) (map[string][]float64, error) {
	results := map[string][]float64{}
	all := lanes()
	for round := range rounds {
		for i := range all {
			l := all[(i+round)%len(all)]
			rate, err := measureOne(ctx, l, base, d)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.name, err)
			}
			fmt.Fprintf(os.Stderr, "round %d/%d  %-16s %9.0f entries/s\n", round+1, rounds, l.name, rate)
			results[l.name] = append(results[l.name], rate)
		}
	}
	return results, nil
}

// measureOne returns the entries per second that were durable, after a
// tenth of the time to warm up.
func measureOne(ctx context.Context, l lane, base string, d time.Duration) (float64, error) {
	dir, err := os.MkdirTemp(base, l.name+"-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	s, err := l.open(ctx, dir)
	if err != nil {
		return 0, err
	}
	rate, err := appendFor(ctx, s, d)
	return rate, cmp.Or(err, s.close())
}

func appendFor(ctx context.Context, s sink, d time.Duration) (float64, error) {
	next := uint64(1)
	until := func(end time.Time) (err error) {
		for err == nil && time.Now().Before(end) {
			if err = ctx.Err(); err == nil {
				err = s.append(next)
				next += batchEntries
			}
		}
		return err
	}
	if err := until(time.Now().Add(d / 10)); err != nil {
		return 0, err
	}
	before, start := next, time.Now()
	if err := until(start.Add(d)); err != nil {
		return 0, err
	}
	if err := s.drain(); err != nil {
		return 0, err
	}
	return float64(next-before) / time.Since(start).Seconds(), nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}
