package core

import (
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

func open(t *testing.T, dir string) *pins {
	t.Helper()
	fsys, err := vfs.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fsys.Close() })
	p, err := openPins(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The stores that a host remembers outlive it: its own, and the first one that
// each peer showed.
func TestPinsOutliveTheHost(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	if err := p.admit(0xa); err != nil {
		t.Fatal(err)
	}
	p.pin(2, 0xb)
	p.pin(2, 0xc) // another store under the same id is not believed later
	if err := p.save(); err != nil {
		t.Fatal(err)
	}
	next := open(t, dir)
	if next.of(2) != 0xb || next.of(3) != 0 {
		t.Errorf("pinned %x", next.kept.Peers)
	}
	if err := next.admit(0xa); err != nil {
		t.Errorf("the same store: %v", err)
	}
	if err := open(t, dir).admit(0xd); !errors.Is(err, ErrLostData) {
		t.Errorf("another store: %v", err)
	}
	if err := open(t, dir).admit(0xa); err != nil {
		t.Errorf("the right store again: %v", err)
	}
	next.part(31, "it differs")
	if err := next.save(); err != nil {
		t.Fatal(err)
	}
	if at, how := open(t, dir).parted(); at != 31 || how != "it differs" {
		t.Errorf("parted at %d: %q", at, how)
	}
	if err := next.lose("entry 10 was applied, the log ended at 0"); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).admit(0xa); !errors.Is(err, ErrLostData) || !strings.Contains(err.Error(), "entry 10") {
		t.Errorf("a store that lost data: %v", err)
	}
}

// A life of a host gives its plugins larger incarnations than every one before,
// whatever was done to the clock in between, if it has had a storage.
func TestIncarnationsGrowThoughTheClockIsSetBack(t *testing.T) {
	dir, last := t.TempDir(), uint64(0)
	for _, now := range []uint64{5_000, 1 << 60, 7, 0, 1 << 60, 1 << 61} {
		h := &Host{cfg: Config{DataDir: dir, Logger: slog.New(slog.DiscardHandler)}}
		h.logger, h.identity = h.cfg.Logger, newIdentity(h)
		if err := errors.Join(h.identity.open(t.Context()), h.beginLife(now)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			opts, err := h.options(plugins.Info{Kind: plugins.Storage}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if opts.Incarnation <= last || opts.Incarnation <= now {
				t.Errorf("at %d: incarnation %d after %d", now, opts.Incarnation, last)
			}
			last = opts.Incarnation
		}
		if err := h.identity.pins.admit(7); err != nil { // the storage is open
			t.Fatal(err)
		}
		if err := h.identity.close(); err != nil {
			t.Fatal(err)
		}
	}
	p := open(t, dir)
	p.kept.Incarnations = math.MaxUint64 - 1
	if _, err := p.begin(1); !errors.Is(err, datadir.ErrPins) {
		t.Errorf("when none are left: %v", err)
	}
}

// A start on a full disk goes on: making room again may need a host.
func TestAFullDiskKeepsNoHostFromItsStart(t *testing.T) {
	fs := vfs.NewMem()
	before, err := openPins(fs)
	if err = errors.Join(err, before.admit(7)); err != nil {
		t.Fatal(err)
	}
	h := &Host{logger: slog.New(slog.DiscardHandler)}
	h.identity = newIdentity(h)
	if h.identity.pins, err = openPins(fs); err != nil {
		t.Fatal(err)
	}
	if err := h.beginLife(100); err != nil || h.incarnation.Load() != 100 {
		t.Errorf("incarnations after %d, %v", h.incarnation.Load(), err)
	}
	fs.FailNth(vfs.OpWrite, 1, syscall.ENOSPC)
	if err := h.identity.pins.admit(7); err != nil {
		t.Errorf("the storage is open: %v", err)
	}
	if !h.identity.pins.unsaved() {
		t.Error("the incarnations count as noted")
	}
}

// stalledFS is a disk that does not come back from a write until it is freed.
type stalledFS struct {
	vfs.FS
	reached, free chan struct{}
	reach         func()
}

func stalled(fsys vfs.FS) stalledFS {
	reached := make(chan struct{})
	return stalledFS{fsys, reached, make(chan struct{}), sync.OnceFunc(func() { close(reached) })}
}

func (f stalledFS) Remove(name string) error {
	f.reach()
	<-f.free
	return f.FS.Remove(name)
}

// A stop ends within its patience and says what would not, although the disk of
// the data directory stands still while it is to be noted what store a peer
// showed.
func TestStopEndsWhileTheDataDirectoryStandsStill(t *testing.T) {
	h := alone(t)
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	disk := stalled(h.identity.pins.fs)
	h.identity.pins.fs = disk
	h.identity.pins.pin(9, 5)
	<-disk.reached
	stopped := make(chan error, 1)
	go func() { stopped <- h.Stop(t.Context()) }()
	select {
	case err := <-stopped:
		if !errors.Is(err, ErrForced) || !strings.Contains(err.Error(), "data directory") {
			t.Errorf("the stop ends with %v, want %v and what did not end", err, ErrForced)
		}
	case <-time.After(30 * time.Second):
		t.Error("the stop does not end: only a kill would")
	}
	close(disk.free)
	h.wg.Wait()
}

// alone is the host of a cluster of one, with everything inside it.
func alone(t *testing.T) *Host { return aloneWith(t, func(*Config) {}) }

// aloneWith is alone with another configuration.
func aloneWith(t *testing.T, tune func(*Config)) *Host {
	t.Helper()
	self := MemberConfig{ID: 1, Name: "n1", PeerURLs: []string{"memory://1"}}
	cfg := Config{
		ClusterID: 7, ID: 1, Name: "n1", DataDir: t.TempDir(), Version: "test", Members: []MemberConfig{self}, Bootstrap: true,
		Tick: 10 * time.Millisecond, Election: 100 * time.Millisecond, ClientAddress: "127.0.0.1:0",
		Logger: slog.New(slog.DiscardHandler),
		Backends: []backend.Backend{
			backend.Storage("memory", func(backend.Env) storage.Storage { return storagetest.NewMemory() }),
			backend.StateMachine("register", func(backend.Env) statemachine.StateMachine { return statemachinetest.NewRegister() }),
			backend.Transport("network", func(backend.Env) transport.Transport { return transporttest.NewNetwork().New() }),
		},
	}
	cfg.Storage = PluginConfig{Name: "memory", Isolation: inproc}
	cfg.StateMachine = PluginConfig{Name: "register", Isolation: inproc}
	cfg.Transports = []TransportConfig{{
		PluginConfig: PluginConfig{Name: "network", Isolation: inproc},
		Listen:       "memory://1", Advertise: self.PeerURLs,
	}}
	tune(&cfg)
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// At whatever moment the machine crashes: facts noted before are there at the
// next start, one that is being noted is there whole or not at all, and the file
// can be written again.
func TestPinsAtEveryCrash(t *testing.T) {
	disk := vfs.NewMem()
	durable, crashes := uint64(0), 0
	disk.OnOp(func(op vfs.Op) {
		if !op.Mutates() {
			return
		}
		for _, keep := range []vfs.Keep{vfs.KeepNothing, vfs.KeepAll} {
			crashes++
			after := disk.Crash(keep)
			p, err := openPins(after)
			if err != nil {
				t.Fatalf("a crash before %v: %v", op, err)
			}
			if p.kept.Store != 7 && durable > 0 || uint64(len(p.kept.Peers)) < durable {
				t.Errorf("a crash before %v: the store %x and those of %d members are known, not of %d", op, p.kept.Store, len(p.kept.Peers), durable)
			}
			if err := p.admit(7); err != nil {
				t.Errorf("a crash before %v: the next start: %v", op, err)
			}
			if next, err := openPins(after.Crash(vfs.KeepNothing)); err != nil || next.kept.Store != 7 {
				t.Errorf("a crash before %v: the start after the next one: %v", op, err)
			}
		}
	})
	p, err := openPins(disk)
	if err = errors.Join(err, p.admit(7)); err != nil {
		t.Fatal(err)
	}
	for id := range member.ID(3) {
		p.pin(id+1, 5)
		if err := p.save(); err != nil {
			t.Fatal(err)
		}
		durable = uint64(id + 1)
	}
	if crashes < 20 {
		t.Errorf("only %d crashes", crashes)
	}
}
