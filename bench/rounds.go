package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"
)

// startTime is how long a cluster may take until it has a leader.
const startTime = 60 * time.Second

// sample is one measurement of one system at one number of clients in one round.
type sample struct {
	system  string
	clients int

	opsPerSecond float64
	p50, p99     time.Duration
	errors       int
}

// measure takes all samples. The systems alternate: in each round and at each number of clients they
// run one after the other, each on a new cluster, so that a machine that slows down or speeds up in the
// course of the run meets all of them alike. Each round starts with another system for the same reason.
func measure(ctx context.Context, s settings, progress io.Writer) ([]sample, error) {
	dir, err := os.MkdirTemp(s.dataDir, "run-")
	if err != nil {
		return nil, fmt.Errorf("create the run's directory: %w", err)
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("find the run's directory: %w", err)
	}
	built, err := prepare(ctx, s, dir)
	if err != nil {
		return nil, err
	}

	var samples []sample
	for round := range s.rounds {
		for _, clients := range s.clients {
			for i := range s.systems {
				name := s.systems[(i+round)%len(s.systems)]
				c := built
				c.clients = clients
				l := load{clients: clients, size: s.size, warmup: s.warmup, duration: s.duration, writes: s.writes}
				one, err := measureOne(ctx, name, c, l, filepath.Join(dir, name))
				if err != nil {
					return nil, fmt.Errorf("round %d: %s with %d clients: %w", round+1, name, clients, err)
				}
				fmt.Fprintf(progress, "round %d/%d  %4d clients  %-14s  %8.0f ops/s  p50 %8.3f ms  p99 %8.3f ms  %d errors\n",
					round+1, s.rounds, clients, name, one.opsPerSecond, milliseconds(one.p50), milliseconds(one.p99), one.errors)
				samples = append(samples, one)
			}
		}
	}
	return samples, nil
}

// prepare finds or builds the executables of the nodes. The executables that it
// builds are in dir.
func prepare(ctx context.Context, s settings, dir string) (cluster, error) {
	executable, err := os.Executable()
	if err != nil {
		return cluster{}, fmt.Errorf("find this program's path: %w", err)
	}
	c := cluster{executable: executable, host: s.host, etcdConnections: s.etcdConnections, through: s.through}
	if s.host == "" && s.needsHost() {
		if c.host, err = buildHost(ctx, dir); err != nil {
			return cluster{}, err
		}
	}
	return c, nil
}

// measureOne starts a cluster in dir, loads it, stops it and removes its data.
func measureOne(ctx context.Context, name string, c cluster, l load, dir string) (one sample, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return sample{}, fmt.Errorf("create data directory: %w", err)
	}
	settle()
	sys, err := newSystem(name, c)
	if err != nil {
		return sample{}, err
	}
	defer func() {
		if stopErr := sys.Stop(); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("stop: %w", stopErr))
		}
		if removeErr := os.RemoveAll(dir); removeErr != nil {
			err = errors.Join(err, fmt.Errorf("remove data: %w", removeErr))
		}
	}()

	startCtx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := sys.Start(startCtx, dir); err != nil {
		return sample{}, fmt.Errorf("start: %w", err)
	}
	m, err := l.run(ctx, sys)
	if err != nil {
		return sample{}, fmt.Errorf("load: %w", err)
	}
	if ctx.Err() != nil {
		return sample{}, fmt.Errorf("load: %w", context.Cause(ctx))
	}
	return sample{
		system:       sys.Name(),
		clients:      l.clients,
		opsPerSecond: m.opsPerSecond(),
		p50:          m.percentile(0.50),
		p99:          m.percentile(0.99),
		errors:       m.errors,
	}, nil
}

// settle keeps one measurement from paying for the one before: it writes back what the page cache still
// holds and returns this process's garbage to the system.
func settle() {
	syscall.Sync()
	debug.FreeOSMemory()
}
