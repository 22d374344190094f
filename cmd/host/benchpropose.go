package main

import (
	"bytes"
	"context"
	"math"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/cmd/host/load"
	"github.com/pontoon-raft/pontoon/internal/plugincheck"
)

func newBenchPropose() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "propose",
		Short: "Measure writes",
		Long: `propose puts a closed loop of clients on the cluster: each has one write on its
way at any time. All share one connection, to the leader if it can be found.
An operation counts when it is answered within the measured time; percentiles
are exact. The keys are of the kv state machine; with --raw the proposals are
just bytes, for any other.

A state machine that refuses such bytes is given commands of its own: --commands has
a file with one in each line, as plugin check takes it. The list is proposed again and
again, and {i} in a command stands for its number, from 1; a line may be base64:….
Commands of several clients may arrive in another order.`,
		Example: `  host bench propose --clients 64 --size 256 --duration 5s -o json
  host bench propose --raw --commands commands.txt`,
		Args: args(cobra.NoArgs),
	}
	f := addBench(cmd)
	raw := cmd.Flags().Bool("raw", false, "propose --size bytes as they are")
	commands := cmd.Flags().String("commands", "", "propose the commands of this `file`, one in a line, as they are")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		next, err := f.proposals(cmd, *raw, *commands)
		if err != nil {
			return err
		}
		nothing := func(context.Context, kvStore) error { return nil }
		return f.run(cmd, nothing, func(s kvStore) load.Operation {
			return func(ctx context.Context, i int) error {
				r, err := s.c.Propose(ctx, next(i))
				if err != nil {
					return err
				}
				return resultError(r)
			}
		})
	}
	return cmd
}

// proposals makes the next proposal of a client, by its number.
func (f *benchFlags) proposals(cmd *cobra.Command, raw bool, commands string) (func(client int) []byte, error) {
	if err := f.check(cmd); err != nil {
		return nil, err
	}
	if commands != "" {
		return f.proposalsOf(cmd, commands)
	}
	value := bytes.Repeat([]byte{'v'}, f.size)
	if raw {
		return func(int) []byte { return value }, nil
	}
	turns := make([]int, f.load.Clients)
	return func(client int) []byte {
		turns[client]++
		return kv.EncodePut(benchKey(client+(turns[client]-1)*f.load.Clients, f.keys), value)
	}, nil
}

// proposalsOf makes proposals of the commands in a file. All clients share their numbers.
func (f *benchFlags) proposalsOf(cmd *cobra.Command, path string) (func(int) []byte, error) {
	for _, other := range []string{"size", "keys"} {
		if cmd.Flags().Changed(other) {
			return nil, &usageError{cmd.CommandPath(), "--" + other + " says nothing of the commands of a file: leave it out beside --commands"}
		}
	}
	texts, err := readCommands(path)
	if err != nil {
		return nil, &usageError{cmd.CommandPath(), err.Error()}
	}
	series, err := plugincheck.NewSeries(texts)
	if err != nil {
		return nil, err
	}
	f.size = series.MeanBytes()
	var taken atomic.Uint64
	return func(int) []byte { return series.Command(int((taken.Add(1) - 1) & math.MaxInt)) }, nil
}
