package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// Settings is what to show.
type Settings struct {
	// Nodes is the size of the cluster, from 1 to 7.
	Nodes int
	// For is how long to serve, from the start of the demo on; 0 means until
	// the context ends. The story is always told to its end.
	For time.Duration
	// Executable is the host program.
	Executable string
	// Command begins the command lines that users are told to try.
	Command string
	// Dial connects to the members at these addresses.
	Dial func(endpoints ...string) (Client, error)
	// Out gets the story.
	Out io.Writer
	// Patience bounds each wait for the cluster; 30 s by default.
	Patience time.Duration
}

// maxNodes keeps the demo within what one machine carries.
const maxNodes = 7

// Validate reports what is wrong with the settings.
func (s Settings) Validate() error {
	if s.Nodes < 1 || s.Nodes > maxNodes {
		return fmt.Errorf("%d nodes: choose from 1 to %d", s.Nodes, maxNodes)
	}
	if s.For < 0 {
		return errors.New("the time to serve cannot be negative")
	}
	return nil
}

// demo is one run.
type demo struct {
	settings Settings
	dir      string
	nodes    []*node
	client   Client
	// down is the node that was killed on purpose, while it is down.
	down *node
}

// Run tells the whole story and cleans up after it. It returns nil if the
// story went well and nothing was left behind, also when ctx ends while the
// cluster is serving at the end; the context's error if it ends earlier.
func Run(ctx context.Context, s Settings) (err error) {
	defaults.Or(&s.Patience, 30*time.Second)
	if err := s.Validate(); err != nil {
		return err
	}
	began := time.Now()
	dir, err := os.MkdirTemp("", "pontoon-demo-")
	if err != nil {
		return err
	}
	d := &demo{settings: s, dir: dir}
	defer func() { err = errors.Join(err, d.cleanUp()) }()
	if d.nodes, err = setUp(dir, s.Executable, s.Nodes); err != nil {
		return err
	}
	if d.client, err = s.Dial(d.endpoints()...); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		d.startAll, d.writeAndRead, d.killLeader, d.restart, d.showPlugins,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return d.serve(ctx, began)
}

func (d *demo) endpoints() []string {
	var all []string
	for _, n := range d.nodes {
		all = append(all, n.client)
	}
	return all
}

// startAll starts every node and waits until they follow one leader.
func (d *demo) startAll(ctx context.Context) error {
	began := time.Now()
	d.say("Starting %d hosts, each with three plugin processes, in %s", len(d.nodes), d.dir)
	for _, n := range d.nodes {
		if err := n.start(); err != nil {
			return err
		}
		d.say("  %s: host pid %d, clients %s, admin http://%s", n.name, n.pid(), n.client, n.admin)
	}
	var leader *node
	err := d.await(ctx, "wait for a leader", func(members []Member) bool {
		leader = d.leaderOf(members)
		return leader != nil && caughtUp(members)
	})
	if err != nil {
		return err
	}
	d.say("%s is the leader; all are ready after %v.", leader.name, rounded(time.Since(began)))
	return nil
}

// keys is how many keys the demo writes.
const keys = 100

// writeAndRead writes through any member and reads everything back on one that
// does not lead.
func (d *demo) writeAndRead(ctx context.Context) error {
	began := time.Now()
	if err := d.writeAll(ctx, "before"); err != nil {
		return err
	}
	d.say("Wrote %d keys in %v; each is durable on %d of %d nodes.", keys, rounded(time.Since(began)), len(d.nodes)/2+1, len(d.nodes))
	members, err := d.client.Members(ctx)
	if err != nil {
		return err
	}
	reader := d.nodes[0]
	for _, m := range members {
		if m.Role != leaderRole {
			reader = d.byID(m.ID)
		}
	}
	return d.readAll(ctx, reader, "before")
}

// writeAll writes the keys at the same time, as many clients would.
func (d *demo) writeAll(ctx context.Context, word string) error {
	var writers sync.WaitGroup
	errs := make([]error, keys)
	for i := range keys {
		writers.Go(func() { errs[i] = d.client.Put(ctx, key(i), word) })
	}
	writers.Wait()
	return errors.Join(errs...)
}

func key(i int) string { return fmt.Sprintf("demo/%03d", i) }

// readAll reads the keys through one node and checks them.
func (d *demo) readAll(ctx context.Context, n *node, word string) error {
	one, err := d.settings.Dial(n.client)
	if err != nil {
		return err
	}
	defer one.Close()
	began := time.Now()
	for i := range keys {
		value, ok, err := one.Get(ctx, key(i))
		if err != nil {
			return fmt.Errorf("read %s on %s: %w", key(i), n.name, err)
		}
		if !ok || value != word {
			return fmt.Errorf("read %s on %s: it is %q, want %q", key(i), n.name, value, word)
		}
	}
	d.say("Read all %d back on %s, linearizable, in %v.", keys, n.name, rounded(time.Since(began)))
	return nil
}

// killLeader kills the leading host with kill -9 and shows who follows it.
func (d *demo) killLeader(ctx context.Context) error {
	var leader *node
	err := d.await(ctx, "look for the leader", func(members []Member) bool {
		leader = d.leaderOf(members)
		return leader != nil
	})
	if err != nil {
		return err
	}
	d.down = leader
	pid := leader.pid()
	began := time.Now()
	if err := leader.kill(); err != nil {
		return err
	}
	d.say("Killed the leader %s (kill -9 of host pid %d).", leader.name, pid)
	if len(d.nodes)-1 < len(d.nodes)/2+1 {
		d.say("Without it there is no majority; it has to come back first.")
		return d.startAgain()
	}
	var next *node
	err = d.await(ctx, "wait for a new leader", func(members []Member) bool {
		next = d.leaderOf(members)
		return next != nil
	})
	if err != nil {
		return err
	}
	d.say("%s is the new leader after %v.", next.name, rounded(time.Since(began)))
	if err := d.writeAll(ctx, "after"); err != nil {
		return err
	}
	d.say("Wrote all %d keys again without %s; %v since it was killed.", keys, leader.name, rounded(time.Since(began)))
	return nil
}

func (d *demo) startAgain() error {
	if d.down == nil {
		return nil
	}
	n := d.down
	if err := n.start(); err != nil {
		return err
	}
	d.down = nil
	d.say("Started %s again on its data: host pid %d.", n.name, n.pid())
	return nil
}

// restart brings the killed node back and waits until it has everything.
func (d *demo) restart(ctx context.Context) error {
	began := time.Now()
	returning := d.down
	if err := d.startAgain(); err != nil {
		return err
	}
	if err := d.await(ctx, "wait until all have caught up", caughtUp); err != nil {
		return err
	}
	if returning == nil {
		return d.readAll(ctx, d.nodes[0], "before")
	}
	d.say("%s has caught up after %v.", returning.name, rounded(time.Since(began)))
	return d.readAll(ctx, returning, "after")
}

// showPlugins prints every node's processes.
func (d *demo) showPlugins(ctx context.Context) error {
	members, err := d.client.Members(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(d.settings.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tROLE\tAPPLIED\tHOST PID\tTRANSPORT\tSTORAGE\tSTATE MACHINE")
	for _, m := range members {
		cell := func(kind string) string {
			p := m.Plugins[kind]
			return fmt.Sprintf("%s pid %d", p.Name, p.PID)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\n", m.Name, m.Role, m.Applied, d.byID(m.ID).pid(),
			cell("transport"), cell("storage"), cell("statemachine"))
	}
	return w.Flush()
}

// serve keeps the cluster up until the time is over or it is stopped.
func (d *demo) serve(ctx context.Context, began time.Time) error {
	d.say("Try it:\n  export PONTOON_ENDPOINTS=%s\n  %[2]s status\n  %[2]s kv put greeting hello", strings.Join(d.endpoints(), ","), d.settings.Command)
	var over <-chan time.Time
	if d.settings.For > 0 {
		left := max(0, d.settings.For-time.Since(began))
		d.say("Serving for %v more, or until Ctrl-C.", left.Round(time.Second))
		timer := time.NewTimer(left)
		defer timer.Stop()
		over = timer.C
	} else {
		d.say("Serving until Ctrl-C.")
	}
	gone := make(chan *node, len(d.nodes))
	for _, n := range d.nodes {
		go func() { <-n.exited; gone <- n }()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-over:
		return nil
	case n := <-gone:
		return n.died()
	}
}

// cleanUp stops what runs and removes the directory. It does not heed the
// context of the run, which may have ended.
func (d *demo) cleanUp() error {
	var errs []error
	if d.client != nil {
		errs = append(errs, d.client.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	began := time.Now()
	stops := make([]error, len(d.nodes))
	var wg sync.WaitGroup
	for i, n := range d.nodes {
		wg.Go(func() { stops[i] = n.stop(ctx) })
	}
	wg.Wait()
	errs = append(append(errs, stops...), os.RemoveAll(d.dir))
	err := errors.Join(errs...)
	if err == nil {
		d.say("Stopped all hosts in %v and removed %s.", rounded(time.Since(began)), d.dir)
	}
	return err
}
