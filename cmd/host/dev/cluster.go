package dev

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Member n listens for clients at the (n-1)th port from Settings.ClientPort on, and for the
// others and the administration as many ports further, as the members of configs/local3 do.
const (
	toPeerPort  = 100
	toAdminPort = 200
)

// A node is one member: a host in this process, whose plugins have processes of their own.
type node struct {
	number int
	host   *core.Host // nil while it does not run
}

func (n *node) name() string { return fmt.Sprintf("n%d", n.number) }

// address is the node's own of the ports from the first one on.
func (n *node) address(first int) string { return fmt.Sprintf("127.0.0.1:%d", first+n.number-1) }

// config is that of a node, with the executables as they are now.
func (c *cluster) config(n *node) core.Config {
	s := &c.settings
	made := core.Config{
		ClusterID: 0xde5, ID: uint64(n.number), Name: n.name(), Version: s.Version,
		DataDir: filepath.Join(s.Dir, n.name()), Bootstrap: true,
		ClientAddress: n.address(s.ClientPort), AdminAddress: n.address(s.ClientPort + toAdminPort),
		Storage: core.PluginConfig{Name: "wal"}, StateMachine: core.PluginConfig{Name: "kv"},
		Transports: []core.TransportConfig{{
			PluginConfig: core.PluginConfig{Name: "http"},
			Listen:       n.address(s.ClientPort + toPeerPort), Advertise: []string{s.peerURL(n)},
		}},
		Backends: s.Backends, Executable: s.Executable,
		Logger: s.Logger.With("node", n.name()),
	}
	for _, m := range c.nodes {
		made.Members = append(made.Members, core.MemberConfig{
			ID: uint64(m.number), Name: m.name(), PeerURLs: []string{s.peerURL(m)}, ClientAddress: m.address(s.ClientPort),
		})
	}
	for _, p := range s.Plugins {
		external := core.PluginConfig{Command: p.Command, SHA256: c.sums[p.Command[0]], Config: p.Config}
		switch p.Kind {
		case plugins.Storage:
			made.Storage = external
		case plugins.StateMachine:
			made.StateMachine = external
		case plugins.Transport:
			made.Transports[0].PluginConfig = external
		}
	}
	return made
}

// start starts a node and waits until it serves.
func (c *cluster) start(ctx context.Context, n *node) error {
	if err := c.begin(ctx, n); err != nil {
		return err
	}
	return c.serves(ctx, n)
}

// begin starts a node that does not run.
func (c *cluster) begin(ctx context.Context, n *node) error {
	h, err := core.New(c.config(n))
	if err != nil {
		return fmt.Errorf("%s does not serve: %w", n.name(), err)
	}
	if err := h.Start(ctx); err != nil {
		return fmt.Errorf("%s does not serve: %w", n.name(), err)
	}
	n.host = h
	return nil
}

// serves waits until a node that runs answers clients.
func (c *cluster) serves(ctx context.Context, n *node) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	go func() {
		select {
		case <-n.host.Failed():
			cancel()
		case <-ctx.Done():
		}
	}()
	err := c.settings.Serves(ctx, n.address(c.settings.ClientPort))
	if failed := n.host.Err(); failed != nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("%s does not serve: %w", n.name(), err)
	}
	return nil
}

// stop stops a node, if it runs.
func (c *cluster) stop(ctx context.Context, n *node) error {
	if n.host == nil {
		return nil
	}
	// A stop needs its time also when ctx has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := n.host.Stop(ctx)
	n.host = nil
	if err != nil {
		return fmt.Errorf("%s: %w", n.name(), err)
	}
	return nil
}
