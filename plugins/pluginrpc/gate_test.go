package pluginrpc

import (
	"errors"
	"slices"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

func call(group, incarnation uint64) pluginv1.Call {
	return pluginv1.Call{Group: group, Incarnation: incarnation}
}

// Rules P-21, P-23, P-24 and P-27.
func TestGate(t *testing.T) {
	var g Gate
	accept := func(plugins.Options) error { return nil }
	fails := errors.New("not now")
	steps := []struct {
		name string
		do   func() error
		want error
	}{
		{"call before open", func() error { _, err := g.Check(call(1, 5)); return err }, plugins.ErrNotOpen},
		{"close before open", func() error { return g.CheckClose(call(0, 0)) }, nil},
		{"open that fails", func() error {
			return g.Open(pluginv1.OpenOptions{Group: 1, Incarnation: 5}, func(plugins.Options) error { return fails })
		}, fails},
		{"call after it", func() error { _, err := g.Check(call(1, 5)); return err }, plugins.ErrNotOpen},
		{"limits that no connection carries", func() error {
			return g.Open(pluginv1.OpenOptions{Limits: pluginv1.Limits{MaxEntryBytes: 1 << 40}}, accept)
		}, plugins.ErrLimit},
		{"open", func() error { return g.Open(pluginv1.OpenOptions{Group: 1, Incarnation: 5}, accept) }, nil},
		{"call", func() error { _, err := g.Check(call(1, 5)); return err }, nil},
		{"call of an older incarnation", func() error { _, err := g.Check(call(1, 4)); return err }, plugins.ErrStaleIncarnation},
		{"close of an older incarnation", func() error { return g.CheckClose(call(1, 4)) }, plugins.ErrStaleIncarnation},
		{"call of a newer incarnation", func() error { _, err := g.Check(call(1, 6)); return err }, plugins.ErrInvalidArgument},
		{"call of another group", func() error { _, err := g.Check(call(2, 5)); return err }, plugins.ErrInvalidArgument},
		{"open again", func() error { return g.Open(pluginv1.OpenOptions{Group: 1, Incarnation: 5}, accept) }, plugins.ErrStaleIncarnation},
		{"open by a newer one", func() error { return g.Open(pluginv1.OpenOptions{Group: 1, Incarnation: 6}, accept) }, plugins.ErrInvalidArgument},
		{"close", func() error { return g.CheckClose(call(1, 5)) }, nil},
	}
	for _, s := range steps {
		if err := s.do(); !errors.Is(err, s.want) {
			t.Errorf("%s: %v, expected %v", s.name, err, s.want)
		}
	}
}

// Rule P-21.
func TestOpensDoNotOverlap(t *testing.T) {
	var g Gate
	err := g.Open(pluginv1.OpenOptions{Incarnation: 1}, func(plugins.Options) error {
		return g.Open(pluginv1.OpenOptions{Incarnation: 1}, func(plugins.Options) error { return nil })
	})
	if !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("second open while the first runs: %v", err)
	}
}

func TestOptionsTravel(t *testing.T) {
	o := plugins.Options{
		Config: []byte("a: 1"), ClusterID: 1, NodeID: 2, NodeName: "n", Group: 3, Incarnation: 4, DataDir: "/d",
		Limits: plugins.Limits{MaxEntryBytes: 5, MaxBatchBytes: 6, MaxChunkBytes: 7},
		Tick:   100 * time.Millisecond, Election: time.Second, StoreID: 8,
		HostVersion: "v1", HostCapabilities: []plugins.Capability{"timers", "of tomorrow"},
	}
	w := WireOptions(o)
	b, err := w.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var back pluginv1.OpenOptions
	if err := back.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	got := GoOptions(back)
	if string(got.Config) != "a: 1" {
		t.Errorf("config %q", got.Config)
	}
	got.Config, o.Config = nil, nil
	if !equalOptions(got, o) {
		t.Errorf("sent %+v, got %+v", o, got)
	}
	if ms := WireOptions(plugins.Options{Tick: time.Microsecond}).TickMs; ms != 1 {
		t.Errorf("a tick of a microsecond becomes %d ms", ms)
	}
}

func equalOptions(a, b plugins.Options) bool {
	return a.ClusterID == b.ClusterID && a.NodeID == b.NodeID && a.NodeName == b.NodeName && a.Group == b.Group &&
		a.Incarnation == b.Incarnation && a.DataDir == b.DataDir && a.Limits == b.Limits && a.Tick == b.Tick && a.Election == b.Election &&
		a.StoreID == b.StoreID && a.HostVersion == b.HostVersion && slices.Equal(a.HostCapabilities, b.HostCapabilities)
}

// Rules P-31 and P-33.
func TestLimits(t *testing.T) {
	got, err := CheckLimits(plugins.Limits{MaxBatchBytes: 5 << 20})
	want := plugins.DefaultLimits()
	want.MaxBatchBytes = 5 << 20
	if err != nil || got != want {
		t.Errorf("completed to %+v, error %v", got, err)
	}
	for _, l := range []plugins.Limits{{MaxEntryBytes: 1 << 63}, {MaxBatchBytes: 1 << 40}, {MaxChunkBytes: 65 << 20}, {MaxBatchBytes: 40 << 20}} {
		if _, err := CheckLimits(l); !errors.Is(err, plugins.ErrLimit) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	for _, o := range []plugins.Options{{Tick: -1}, {Election: 48 * time.Hour}} {
		if _, err := CheckOptions(o); !errors.Is(err, plugins.ErrInvalidArgument) {
			t.Errorf("tick %v, election %v: %v", o.Tick, o.Election, err)
		}
	}
}
