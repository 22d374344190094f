// Command bench measures the same closed-loop write load against Pontoon and against other Raft
// systems, in one run on one machine, and prints throughput, latency and the ratios between them.
//
// README.md in this directory says how each system is set up and how to read the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: a benchmark, or, when the first argument says so, one etcd node that a
// benchmark started and that ends with its standard input.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var err error
	if len(args) > 0 && args[0] == etcdNodeMode {
		err = runEtcdNode(ctx, args[1:], stdin)
	} else {
		err = runBenchmark(ctx, args, stdout, stderr)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, new(*usageError)):
		fmt.Fprintln(stderr, "bench:", err)
		return exitUsage
	default:
		fmt.Fprintln(stderr, "bench:", err)
		return exitFailed
	}
}

// runBenchmark measures what the flags ask for and prints the report.
func runBenchmark(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parseSettings(args, stderr)
	if err != nil {
		return err
	}
	m, err := describeMachine(s.dataDir)
	if err != nil {
		return err
	}
	samples, err := measure(ctx, s, stderr)
	if err != nil {
		return err
	}
	r := newReport(s, m, samples)
	if s.jsonFile != "" {
		if err := writeJSONFile(s.jsonFile, r); err != nil {
			return err
		}
	}
	if s.output == outputJSON {
		return writeJSON(stdout, r)
	}
	return writeTable(stdout, r)
}
