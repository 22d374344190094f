package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
)

// patience bounds the time that a node takes to serve, or to stop.
const patience = 30 * time.Second

// A Plugin is an executable in the place of a shipped backend.
type Plugin struct {
	Kind plugins.Kind
	// Command is the path of the executable and its arguments.
	Command []string
	// Config is the plugin's config section.
	Config []byte
}

// Settings say which cluster runs.
type Settings struct {
	Nodes   int
	Plugins []Plugin
	// ClientPort is the first member's port for clients.
	ClientPort int
	// Dir holds what the members keep, each in a folder of its name.
	Dir string
	// Scheme is that of the members' URLs for each other.
	Scheme string
	// Serves returns nil when the member at an address answers a linearizable read.
	Serves func(ctx context.Context, address string) error
	// Out is for what a person is told, Logger for the hosts and their plugins.
	Out    io.Writer
	Logger *slog.Logger

	Version    string
	Executable string
	// Command begins the command lines that users are told to try.
	Command  string
	Backends []backend.Backend
}

func (s *Settings) peerURL(n *node) string {
	return s.Scheme + "://" + n.address(s.ClientPort+toPeerPort)
}

// A cluster is the nodes that run, and the executables that they are to run.
type cluster struct {
	settings Settings
	nodes    []*node
	// sums has the SHA-256 of each executable that the nodes are to run, by path.
	sums map[string]string
}

// Run runs a cluster until ctx ends. Each time that an executable of Settings.Plugins has
// changed, the nodes are stopped and started with the new one, one after the other. An error
// says why the cluster never served; later ones are told and waited out.
func Run(ctx context.Context, s Settings) (err error) {
	c := &cluster{settings: s, sums: map[string]string{}}
	for i := range s.Nodes {
		c.nodes = append(c.nodes, &node{number: i + 1})
	}
	for _, p := range s.Plugins {
		if c.sums[p.Command[0]], err = catalog.SumOf(p.Command[0]); err != nil {
			return err
		}
	}
	defer func() {
		for _, n := range c.nodes {
			err = errors.Join(err, c.stop(ctx, n))
		}
	}()
	if err := c.found(ctx); err != nil {
		return err
	}
	c.welcome()
	return c.follow(ctx)
}

// found starts all nodes and waits until each serves.
func (c *cluster) found(ctx context.Context) error {
	for _, n := range c.nodes {
		if err := c.begin(ctx, n); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		if err := c.serves(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) welcome() {
	var endpoints []string
	for _, n := range c.nodes {
		endpoints = append(endpoints, n.address(c.settings.ClientPort))
	}
	c.say("the cluster of %d serves clients at %s, with data in %s", len(c.nodes), strings.Join(endpoints, ","), c.settings.Dir)
	for _, p := range c.settings.Plugins {
		c.say("%s is %s; when the file changes, the members are started again with it", p.Kind, strings.Join(p.Command, " "))
	}
	c.say("try: %s status --endpoints %s", c.settings.Command, strings.Join(endpoints, ","))
}

// follow puts each new executable into the cluster, until ctx ends.
func (c *cluster) follow(ctx context.Context) error {
	type change struct{ path, sum string }
	for ctx.Err() == nil {
		watching, stop := context.WithCancel(ctx)
		changes := make(chan change, len(c.sums))
		for path, before := range c.sums {
			go func() {
				if sum, changed := await(watching, path, before); changed {
					changes <- change{path, sum}
				}
			}()
		}
		select {
		case <-ctx.Done():
		case new := <-changes:
			c.sums[new.path] = new.sum
			c.say("%s has changed: sha256 %s", new.path, new.sum)
			c.roll(ctx)
		}
		stop()
	}
	return nil
}

// roll stops and starts the nodes one after the other. At the first one that does not serve
// it waits for the next executable: the others go on with what they have.
func (c *cluster) roll(ctx context.Context) {
	began := time.Now()
	for _, n := range c.nodes {
		if err := c.stop(ctx, n); err != nil {
			c.say("the stop of %v", err)
		}
		if err := c.start(ctx, n); err != nil {
			if ctx.Err() == nil {
				c.say("%v\nthe other members go on; change the file again", err)
			}
			return
		}
		c.say("%s serves with it", n.name())
	}
	c.say("all members serve with it, after %v", time.Since(began).Round(100*time.Millisecond))
}

func (c *cluster) say(format string, args ...any) {
	fmt.Fprintf(c.settings.Out, format+"\n", args...)
}
