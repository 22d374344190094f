package core_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/loopback"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	machine "github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
)

const (
	notesName = "kv-with-notes"
	notesFile = "notes"
	noteBytes = 24
)

// A note says to which revision an entry has led, expiry included.
type note struct{ time, revision uint64 }

// noted is kv in a process of its own that writes a note for each entry.
type noted struct {
	statemachine.StateMachine
	statemachine.Timer
	statemachine.QueryStreamer
	statemachine.Hasher
	file *os.File
}

func notedBackend() backend.Backend {
	return backend.StateMachine(notesName, func(e backend.Env) statemachine.StateMachine {
		sm := machine.New(e)
		return &noted{sm, sm.(statemachine.Timer), sm.(statemachine.QueryStreamer), sm.(statemachine.Hasher), nil}
	})
}

func (m *noted) Describe() plugins.Info {
	info := m.StateMachine.Describe()
	info.Name, info.Capabilities = notesName, []plugins.Capability{statemachine.CapabilityTimers, statemachine.CapabilityQueryStreams}
	return info
}

func (m *noted) Open(ctx context.Context, o plugins.Options) (uint64, error) {
	var err error
	if m.file, err = os.OpenFile(filepath.Join(o.DataDir, notesFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return 0, err
	}
	return m.StateMachine.Open(ctx, o)
}

// Apply applies one entry at a time, and asks after each for the revision.
func (m *noted) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	var results []statemachine.Result
	for i, e := range b.Entries {
		one := b
		if one.Entries = b.Entries[i : i+1]; i+1 < len(b.Entries) {
			one.Through = e.Index
		}
		r, err := m.StateMachine.Apply(ctx, one)
		if err != nil {
			return nil, err
		}
		results = append(results, r...)
		answer, err := m.Query(ctx, kv.EncodeRange(kv.Range{Limit: 1, KeysOnly: true}))
		if err != nil {
			return nil, err
		}
		page, err := kv.DecodePage(answer)
		if err != nil {
			return nil, err
		}
		if r[0].Skipped {
			continue
		}
		line := binary.BigEndian.AppendUint64(nil, e.Index)
		line = binary.BigEndian.AppendUint64(line, e.Time)
		if _, err := m.file.Write(binary.BigEndian.AppendUint64(line, page.Revision)); err != nil {
			return nil, err
		}
	}
	if len(b.Entries) == 0 {
		return m.StateMachine.Apply(ctx, b)
	}
	return results, nil
}

// An expiring is a cluster of three hosts whose storages and state machines are processes, each
// host with a wall clock that can be stepped.
type expiring struct {
	*cluster
	ahead   [4]atomic.Int64 // of the true time in milliseconds, by member
	dirs    [4]string
	clients [4]*client.Client
	bound   time.Duration // within which the time of an entry is of the true one
}

func startExpiring(t *testing.T) *expiring {
	const tick, election, difference = 50 * time.Millisecond, 500 * time.Millisecond, 500 * time.Millisecond
	x := &expiring{cluster: newCluster(t, 0, nil), bound: difference + 2*election}
	var ports loopback.Ports
	var addresses [4]string
	for i := 1; i <= 3; i++ {
		var err error
		if addresses[i], err = ports.Free(); err != nil {
			t.Fatal(err)
		}
		x.dirs[i] = t.TempDir()
	}
	x.tune = func(cfg *core.Config) {
		cfg.DataDir, cfg.Tick, cfg.Election, cfg.MaxClockDifference = x.dirs[cfg.ID], tick, election, difference
		cfg.SnapshotEntries, cfg.CatchUpEntries = 1000, 100
		clock := &x.ahead[cfg.ID]
		core.SetClock(cfg, func() uint64 { return uint64(time.Now().UnixMilli() + clock.Load()) })
		cfg.Backends = []backend.Backend{wal.Backend(), notedBackend(), httptransport.Backend()}
		cfg.Storage, cfg.StateMachine = core.PluginConfig{Name: "wal"}, core.PluginConfig{Name: notesName}
		for i := range cfg.Members {
			cfg.Members[i].PeerURLs = []string{"http://" + addresses[cfg.Members[i].ID]}
		}
		cfg.Transports = []core.TransportConfig{{
			PluginConfig: core.PluginConfig{Name: "http"},
			Listen:       addresses[cfg.ID], Advertise: []string{"http://" + addresses[cfg.ID]},
		}}
	}
	x.found(3)
	for id := member.ID(1); id <= 3; id++ {
		c, err := client.New(client.Options{Endpoints: []string{x.nodes[id].host.Addr().String()}, AnyMember: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		x.clients[id] = c
	}
	x.leader()
	x.atLevel(member.Level)
	return x
}

// moveFrom has another member lead.
func (x *expiring) moveFrom(leader member.ID) {
	x.t.Helper()
	x.eventually("another leader", func() bool {
		ctx, cancel := context.WithTimeout(x.t.Context(), wait)
		defer cancel()
		_, _ = x.service(leader).TransferLeader(ctx, x.other(leader)) // no matter if another one leads already
		return x.leader() != leader
	})
}

// killMachine ends the process of a member's state machine, and waits for the next one.
func (x *expiring) killMachine(id member.ID) {
	x.t.Helper()
	pid := func() int {
		for _, p := range x.service(id).Status().Plugins {
			if p.Kind == string(plugins.StateMachine) && p.State == "ready" {
				return p.PID
			}
		}
		return 0
	}
	before := pid()
	process, err := os.FindProcess(before)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		x.t.Fatal(err)
	}
	x.eventually("another state machine", func() bool { p := pid(); return p != 0 && p != before })
}

// A life is what a client knows of a key: when its first write began and its last one was
// acknowledged, by the true time, and how many writes that took. One whose end is not known
// may be applied after a later one.
type life struct {
	ttl          time.Duration
	begun, acked time.Time
	writes       int
}

// write writes keys with times to live from least to twice that, by all members.
func (x *expiring) write(lives []life, from int, least time.Duration) {
	var writers sync.WaitGroup
	for w := range 16 {
		writers.Go(func() {
			for i := w; i < len(lives); i += 16 {
				l := &lives[i]
				l.ttl, l.begun = least+least*time.Duration(i)/time.Duration(len(lives)), time.Now()
				command := kv.EncodePutTTL(fmt.Appendf(nil, "key/%d", from+i), []byte("v"), l.ttl)
				for ; l.acked.IsZero() && x.t.Context().Err() == nil; l.writes++ {
					if r, err := x.clients[i%3+1].Propose(x.t.Context(), command); err == nil && r.Error == "" {
						l.acked = time.Now()
					}
				}
			}
		})
	}
	writers.Wait()
}

// An ending is the expiry of a key, as a member has shown it.
type ending struct {
	revision     uint64
	deadline, at time.Time
	key          string
}

// watch collects the events of a member until all keys have expired.
func (x *expiring) watch(ctx context.Context, id member.ID, keys int) (endings []ending, err error) {
	w := kv.Watch(ctx, x.clients[id], kv.WatchOptions{From: 1})
	defer w.Close()
	deadlines := map[string]time.Time{}
	for len(endings) < keys {
		u, err := w.Next()
		if err != nil {
			return endings, err
		}
		for _, e := range u.Events {
			switch key := string(e.Key); {
			case !e.Deleted:
				deadlines[key] = e.Expires
			case e.Expired:
				endings = append(endings, ending{e.ModRevision, deadlines[key], time.Now(), key})
			default:
				return endings, fmt.Errorf("%q was deleted at revision %d", key, e.ModRevision)
			}
		}
	}
	return endings, nil
}

// Keys with times to live are written while the clock of the leader is an hour ahead, then while
// it is an hour late, leadership is moved in both, and state machines are killed. Each key expires at the
// same index and revision on all members and in each replay. Its deadline is what a client may
// rely on: none is gone at once after the step ahead, and none is there an hour longer, though the
// clock steps back. databend#7325, nomad#13737 and svix/diom#724 are of this kind.
func TestKeysExpireAlikeThoughTheClockOfTheLeaderIsStepped(t *testing.T) {
	t.Parallel()
	const keys, least = 10_000, 5 * time.Second
	x := startExpiring(t)
	lives := make([]life, keys)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var endings [4][]ending
	var watchers sync.WaitGroup
	for id := member.ID(1); id <= 3; id++ {
		watchers.Go(func() {
			var err error
			if endings[id], err = x.watch(ctx, id, len(lives)); err != nil {
				t.Errorf("watch of %s after %d keys: %v", id, len(endings[id]), err)
			}
		})
	}
	write := func(part int) {
		from := part * len(lives) / 4
		x.write(lives[from:from+len(lives)/4], from, least)
	}
	for i, step := range []time.Duration{time.Hour, -time.Hour} {
		wrong := x.leader()
		x.ahead[wrong].Store(step.Milliseconds())
		write(2 * i)
		x.killMachine(x.other(wrong))
		x.moveFrom(wrong)
		write(2*i + 1) // with a leader whose clock is right, and a voter whose clock is not
		x.killMachine(x.leader())
		x.ahead[wrong].Store(0)
	}
	x.ahead[x.leader()].Store(-time.Hour.Milliseconds())       // while keys expire
	patience := time.AfterFunc(2*least+2*x.bound+wait, cancel) // none lives for ever
	defer patience.Stop()
	watchers.Wait()
	if t.Failed() {
		return
	}
	x.sameEndings(endings)
	x.justDeadlines(lives, endings[1])
	x.sameNotes(len(lives))
}

// sameEndings compares what the three members have shown.
func (x *expiring) sameEndings(endings [4][]ending) {
	same := func(a, b ending) bool {
		return a.revision == b.revision && a.deadline.Equal(b.deadline) && a.key == b.key
	}
	for id := 2; id <= 3; id++ {
		if !slices.EqualFunc(endings[1], endings[id], same) {
			x.t.Errorf("members 1 and %d have shown other expiries", id)
		}
	}
}

// justDeadlines holds the deadlines, and when the keys were gone, against the true time.
func (x *expiring) justDeadlines(lives []life, endings []ending) {
	x.t.Helper()
	gone := map[string]bool{}
	for _, e := range endings {
		var i int
		if _, err := fmt.Sscanf(e.key, "key/%d", &i); err != nil || i >= len(lives) || gone[e.key] {
			x.t.Fatalf("expiry of %q, again: %t", e.key, gone[e.key])
		}
		gone[e.key] = true
		// A word of another clock may be old, and a clock that is behind is not put forward for it.
		l, slack := &lives[i], x.bound+time.Second
		if early := l.begun.Add(l.ttl).Sub(e.deadline); early > slack {
			x.t.Fatalf("the deadline of %s is %v early", e.key, early)
		}
		if late := e.deadline.Sub(l.acked.Add(l.ttl)); late > x.bound {
			x.t.Fatalf("the deadline of %s, written %d times, is %v late", e.key, l.writes, late)
		}
		if early := e.deadline.Sub(e.at); early > x.bound {
			x.t.Fatalf("%s was gone %v before its deadline", e.key, early)
		}
	}
}

// sameNotes compares at which index each revision came, on all members and in all replays.
func (x *expiring) sameNotes(keys int) {
	x.t.Helper()
	notes, compared := map[uint64]note{}, 0
	for id := 1; id <= 3; id++ {
		if q := x.service(member.ID(id)).Status().Quarantine; q != nil {
			x.t.Errorf("member %d is quarantined: %+v", id, q)
		}
		all, err := os.ReadFile(filepath.Join(x.dirs[id], string(plugins.StateMachine), notesFile))
		if err != nil {
			x.t.Fatal(err)
		}
		for ; len(all) >= noteBytes; all = all[noteBytes:] {
			index := binary.BigEndian.Uint64(all)
			n := note{binary.BigEndian.Uint64(all[8:]), binary.BigEndian.Uint64(all[16:])}
			old, known := notes[index]
			if known {
				compared++
			}
			if known && old != n {
				x.t.Fatalf("member %d: entry %d is %+v, elsewhere %+v", id, index, n, old)
			}
			notes[index] = n
		}
	}
	if compared < keys {
		x.t.Errorf("%d notes were compared, want at least %d", compared, keys)
	}
	x.t.Logf("%d entries, %d notes compared", len(notes), compared)
}
