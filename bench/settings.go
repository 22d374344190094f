package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Forms of the report on standard output.
const (
	outputTable = "table"
	outputJSON  = "json"
)

// settings is what one run of the benchmark measures and where its results go.
type settings struct {
	systems  []string
	clients  []int
	size     int
	duration time.Duration
	warmup   time.Duration
	writes   int
	rounds   int

	dataDir  string
	output   string
	jsonFile string

	host            string
	etcdConnections int
	through         string // see cluster
}

// needsHost says whether Pontoon is among the systems.
func (s settings) needsHost() bool {
	return slices.ContainsFunc([]string{namePontoon, namePontoonTLS, namePontoonInproc}, func(name string) bool {
		return slices.Contains(s.systems, name)
	})
}

// usageError is a mistake on the command line.
type usageError struct {
	problem string
}

func (e *usageError) Error() string { return e.problem + " (see -help)" }

// parseSettings reads the command line. Help and syntax errors are printed to stderr.
func parseSettings(args []string, stderr io.Writer) (settings, error) {
	var s settings
	var clients, systems string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&systems, "systems", strings.Join(systemNames(), ","), "comma list of the systems to measure")
	f.StringVar(&clients, "clients", "1,64,1000", "comma list of the numbers of closed-loop clients")
	f.IntVar(&s.size, "size", 256, "bytes of each value")
	f.DurationVar(&s.duration, "duration", 5*time.Second, "measured time of each system at each number of clients")
	f.DurationVar(&s.warmup, "warmup", 2*time.Second, "time under load before it, not counted")
	f.IntVar(&s.writes, "writes", 0, "how many writes each measurement has, in the place of -duration and without -warmup: all systems then meet what comes with the length of the log, as snapshots do, equally often")
	f.IntVar(&s.rounds, "rounds", 1, "how often all is measured; the report has the medians")
	f.StringVar(&s.dataDir, "data-dir", "data", "directory for the nodes' data, on the disk to be measured; emptied afterwards")
	f.StringVar(&s.output, "o", outputTable, "form of the report on standard output: table or json")
	f.StringVar(&s.jsonFile, "json", "", "file that gets the report as JSON as well")
	f.StringVar(&s.host, "host", "", "executable of Pontoon's host; built from source if empty")
	f.IntVar(&s.etcdConnections, "etcd-connections", 0, "gRPC connections of the load on etcd; 0 means two for each CPU, at most one for each client")
	f.StringVar(&s.through, "pontoon-through", throughLeader, "which members take the load on Pontoon, by turns: leader, followers (the two that forward it), or members (all three)")
	if err := f.Parse(args); err != nil {
		if err == flag.ErrHelp {
			return settings{}, err
		}
		return settings{}, &usageError{err.Error()}
	}
	if f.NArg() > 0 {
		return settings{}, &usageError{fmt.Sprintf("unexpected argument %q", f.Arg(0))}
	}
	var err error
	if s.systems, err = parseSystems(systems); err != nil {
		return settings{}, err
	}
	if s.clients, err = parseClients(clients); err != nil {
		return settings{}, err
	}
	return s, s.validate()
}

// validate refuses numbers that measure nothing.
func (s settings) validate() error {
	switch {
	case !slices.Contains([]string{throughLeader, throughFollowers, throughMembers}, s.through):
		return &usageError{fmt.Sprintf("-pontoon-through %q: use leader, followers or members", s.through)}
	case s.size < 0:
		return &usageError{fmt.Sprintf("-size %d: must not be negative", s.size)}
	case s.duration <= 0:
		return &usageError{fmt.Sprintf("-duration %v: must be positive", s.duration)}
	case s.warmup < 0:
		return &usageError{fmt.Sprintf("-warmup %v: must not be negative", s.warmup)}
	case s.writes < 0:
		return &usageError{fmt.Sprintf("-writes %d: must not be negative", s.writes)}
	case s.rounds < 1:
		return &usageError{fmt.Sprintf("-rounds %d: must be at least 1", s.rounds)}
	case s.etcdConnections < 0:
		return &usageError{fmt.Sprintf("-etcd-connections %d: must not be negative", s.etcdConnections)}
	case s.output != outputTable && s.output != outputJSON:
		return &usageError{fmt.Sprintf("-o %q: must be table or json", s.output)}
	}
	if err := os.MkdirAll(s.dataDir, 0o755); err != nil {
		return fmt.Errorf("create -data-dir: %w", err)
	}
	return nil
}

// parseSystems splits a comma list of names and refuses names that no system has.
func parseSystems(list string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(systemNames(), name) {
			return nil, &usageError{fmt.Sprintf("-systems: unknown system %q: known are %s",
				name, strings.Join(systemNames(), ", "))}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// parseClients splits a comma list of positive numbers.
func parseClients(list string) ([]int, error) {
	var counts []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 {
			return nil, &usageError{fmt.Sprintf("-clients: %q is not a positive number", field)}
		}
		if !slices.Contains(counts, n) {
			counts = append(counts, n)
		}
	}
	return counts, nil
}
