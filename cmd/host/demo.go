package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/cmd/host/demo"
)

func newDemo() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a whole cluster on this machine and kill its leader",
		Long: `demo starts a cluster on loopback in a temporary directory: a host process for
each node, and three plugin processes for each host. It writes, reads back on
another node, kills the leader with kill -9, shows who follows it, starts the
old one again, and then keeps serving. At the end it stops everything and
removes the directory.`,
		Example: `  host demo
  host demo --nodes 5 --for 1m`,
		Args:    args(cobra.NoArgs),
		GroupID: groupServer,
	}
	s := demo.Settings{Dial: dialDemo}
	cmd.Flags().IntVar(&s.Nodes, "nodes", 3, "size of the cluster")
	cmd.Flags().DurationVar(&s.For, "for", 0, "how long to serve, from the start on; until Ctrl-C if 0")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := s.Validate(); err != nil {
			return &usageError{cmd.CommandPath(), err.Error()}
		}
		executable, err := os.Executable()
		if err != nil {
			return err
		}
		s.Executable, s.Command, s.Out = executable, cmd.Root().CommandPath(), cmd.OutOrStdout()
		return demo.Run(cmd.Context(), s)
	}
	return cmd
}

// demoClient is what the demo asks of its cluster.
type demoClient struct{ c *client.Client }

// dialDemo connects to members. With only one of them, it is that one which
// answers.
func dialDemo(endpoints ...string) (demo.Client, error) {
	c, err := client.New(client.Options{Endpoints: endpoints, AnyMember: len(endpoints) == 1, RequestTimeout: 15 * time.Second})
	if err != nil {
		return nil, err
	}
	return demoClient{c}, nil
}

// Put implements demo.Client. A write whose outcome is unknown is repeated:
// setting a key to the same value twice does no harm.
func (d demoClient) Put(ctx context.Context, key, value string) error {
	const tries = 10
	var err error
	for range tries {
		_, err = kvStore(d).command(ctx, kv.EncodePut([]byte(key), []byte(value)))
		if err == nil || ctx.Err() != nil {
			break
		}
		var refusal *client.Error
		if !errors.As(err, &refusal) || refusal.Outcome != client.Unknown {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// Get implements demo.Client.
func (d demoClient) Get(ctx context.Context, key string) (string, bool, error) {
	e, err := kvStore(d).get(ctx, []byte(key), client.Linearizable)
	if err != nil || e == nil {
		return "", false, err
	}
	return string(e.Value), true, nil
}

// Members implements demo.Client.
func (d demoClient) Members(ctx context.Context) ([]demo.Member, error) {
	s, err := askAll(ctx, d.c)
	if err != nil {
		return nil, err
	}
	var all []demo.Member
	for _, m := range s.Members {
		x := demo.Member{
			ID: m.ID, Name: m.Name, Reachable: m.Reachable, Role: m.Role,
			Commit: m.Commit, Applied: m.Applied, Plugins: map[string]demo.Plugin{},
		}
		for _, p := range m.Plugins {
			x.Plugins[p.Kind] = demo.Plugin{Name: p.Name, PID: int(p.PID), State: p.State}
		}
		all = append(all, x)
	}
	return all, nil
}

// Close implements demo.Client.
func (d demoClient) Close() error { return d.c.Close() }
