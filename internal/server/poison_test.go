package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// bitter is the command that ends the state machines of these tests.
const bitter = "bitter"

// plague has the state machines of a world end over bitter.
type plague struct {
	mu      sync.Mutex
	batches []string // that they were given, "12|3" for entry 1 and 2, and 3
	lives   int
	cured   bool
	outside bool // the ends come from outside
}

// infect begins the plague. Each life is of a state machine that keeps nothing.
func (w *world) infect() *plague {
	p := &plague{}
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	w.source.prepare = func(_ int, m *machine) error {
		p.infect(m)
		return nil
	}
	for _, m := range w.source.machines {
		p.infect(m)
	}
	return p
}

func (p *plague) infect(m *machine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lives++
	m.outside = p.outside
	m.apply = func(b statemachine.Batch, results []statemachine.Result) ([]statemachine.Result, error) {
		return results, p.apply(b)
	}
}

func (p *plague) apply(b statemachine.Batch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, ends := "", false
	for i := range b.Entries {
		text += fmt.Sprint(b.Entries[i].Index)
		ends = ends || string(b.Entries[i].Data) == bitter && !p.cured
	}
	p.batches = append(p.batches, text)
	if ends {
		return errors.New("too bitter")
	}
	return nil
}

// given are the batches since the last call.
func (p *plague) given() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := strings.Join(p.batches, "|")
	p.batches = nil
	return text
}

func (p *plague) cure() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cured = true
}

// commitAll commits commands of another member in one run.
func (w *world) commitAll(texts ...string) {
	w.t.Helper()
	var commands []node.Command
	var entries []storage.Entry
	for _, text := range texts {
		w.last++
		id := node.RequestID{Origin: 99, Number: w.last}
		entries = append(entries, entry(w.last, id, text))
		commands = append(commands, node.Command{ID: id, Index: w.last, Term: 1, Data: []byte(text)})
	}
	err := w.store.Append(context.Background(), []storage.Batch{{Entries: entries, HardState: storage.HardState{Term: 1, Commit: w.last}, MustSync: true}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.apply(commands...)
}

// lives waits for so many more state machines.
func (w *world) lives(n int) {
	for range n {
		before := len(w.source.all())
		for len(w.source.all()) == before {
			time.Sleep(tick / 10)
		}
		synctest.Wait()
	}
}

// After a state machine has ended over a batch, the next is given its entries one by
// one: those before the one at fault are applied, and that one is known by its index.
// When it is through, entries go in batches again.
func TestTheEntryThatEndsAStateMachineIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		p := w.infect()
		w.commitAll("a", "b", bitter, "c", "d")
		w.lives(1)
		if got := p.given(); got != "12345|1|2|3" {
			t.Errorf("the first two lives got %s", got)
		}
		if applied := w.s.Applied(); applied != 2 {
			t.Errorf("applied is %d, want 2: all before the bitter one", applied)
		}
		w.lives(1) // with nothing: entries 1 and 2 come from the log
		if got := p.given(); got != "12|3" {
			t.Errorf("the third life got %s", got)
		}
		if w.s.poison.index != 3 || w.s.poison.ends != 2 {
			t.Errorf("entry %d is known to have ended %d lives in a row, want 3 and 2", w.s.poison.index, w.s.poison.ends)
		}
		p.cure()
		w.lives(1)
		if got := p.given(); got != "12|3|4|5" {
			t.Errorf("the last life got %s", got)
		}
		w.commitAll("e", "f")
		synctest.Wait()
		if got := p.given(); got != "67" || w.s.poison != (poison{}) {
			t.Errorf("afterwards it got %s; suspects are %+v", got, w.s.poison)
		}
		w.wantState("a", "b", bitter, "c", "d", "e", "f")
	})
}

// A state machine that ends over an entry that one before it had, and that it gets from the
// log again, is treated in the same way.
func TestTheEntryThatEndsAReplayIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		p := w.infect()
		p.cure()
		w.commitAll("a", bitter, "b")
		w.commitAll("c", "d")
		synctest.Wait()
		p.mu.Lock()
		p.cured, p.batches = false, nil
		p.mu.Unlock()
		w.source.current().Kill()
		w.lives(3)
		if got := p.given(); !strings.HasPrefix(got, "12345|1|2|1|2") {
			t.Errorf("the state machines got %s", got)
		}
		p.cure()
		w.lives(1)
		w.wantState("a", bitter, "b", "c", "d")
	})
}

// An operator who kills the state machine while it applies, or the kernel, puts no entry
// under suspicion.
func TestAnEndFromOutsideIsNoEntrysFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		p := w.infect()
		p.mu.Lock()
		p.outside = true
		p.mu.Unlock()
		w.source.current().outside = true
		w.commitAll("a", bitter, "b")
		w.lives(5)
		if got := p.given(); strings.Contains(got, "1|2") || w.s.poison != (poison{}) {
			t.Errorf("the state machines got %s; suspects are %+v", got, w.s.poison)
		}
		p.cure()
		w.lives(1)
		w.wantState("a", bitter, "b")
	})
}

// While an entry is under suspicion the state machine has nothing beside it: queries are
// kept out, and a snapshot that is due follows.
func TestASuspectIsAloneWithTheStateMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(cfg *Config) { cfg.SnapshotEntries = 2 })
		p := w.infect()
		asked, prepared := make(chan error, 1), false
		w.source.mu.Lock()
		w.source.prepare = func(n int, m *machine) error {
			p.infect(m)
			apply := m.apply
			m.apply = func(b statemachine.Batch, r []statemachine.Result) ([]statemachine.Result, error) {
				if n == 1 && len(b.Entries) > 0 {
					_, err := w.s.Query(context.Background(), []byte("count"), Stale)
					select {
					case asked <- err:
					default:
					}
				}
				return apply(b, r)
			}
			m.snapshot = func(sn statemachine.Snapshot) statemachine.Snapshot {
				prepared = prepared || n == 1 && m.Register.Applied() < 3
				return sn
			}
			return nil
		}
		w.source.mu.Unlock()
		w.commitAll("a", "b", bitter)
		time.Sleep(tick / 2)
		synctest.Wait()
		p.cure()
		w.lives(1)
		if err := <-asked; !errors.Is(err, ErrNotReady) {
			t.Errorf("a query beside a suspect ended with %v", err)
		}
		if prepared {
			t.Error("a snapshot was prepared beside a suspect")
		}
		if _, err := w.s.Query(context.Background(), []byte("count"), Stale); err != nil {
			t.Errorf("a query afterwards: %v", err)
		}
		w.commit("c")
		synctest.Wait()
		if list, err := w.store.ListSnapshots(context.Background()); err != nil || len(list) == 0 {
			t.Errorf("no snapshot followed: %v", err)
		}
	})
}

// A state machine that ends whenever it is asked for a snapshot, or saves it, applies all
// entries: none of them is blamed, snapshots are tried ever less often, status says why there
// are none, and the next that can be had is taken. It is the same if the kernel ends it.
func TestAnEndOverASnapshotIsNoEntrysFault(t *testing.T) {
	for name, spoil := range map[string]func(m *machine, ends func() bool){
		"asked": func(m *machine, ends func() bool) { m.preparing = endsPreparing(ends) },
		"asked, and ended from outside": func(m *machine, ends func() bool) {
			m.outside, m.preparing = true, endsPreparing(ends)
		},
		"saving": func(m *machine, ends func() bool) {
			m.snapshot = func(sn statemachine.Snapshot) statemachine.Snapshot { return lastSnapshot{sn, m, ends} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { snapshotsThatEndIt(t, spoil) })
		})
	}
}

var errNoRoom = errors.New("no room to think")

func endsPreparing(ends func() bool) func() error {
	return func() error {
		if ends() {
			return errNoRoom
		}
		return nil
	}
}

// lastSnapshot ends its state machine when it is saved.
type lastSnapshot struct {
	statemachine.Snapshot
	m    *machine
	ends func() bool
}

func (s lastSnapshot) Save(ctx context.Context, w io.Writer) error {
	if s.ends() {
		s.m.Kill()
		return errNoRoom
	}
	return s.Snapshot.Save(ctx, w)
}

func snapshotsThatEndIt(t *testing.T, spoil func(m *machine, ends func() bool)) {
	w := newWorld(t, func(cfg *Config) { cfg.SnapshotEntries = 1 })
	bad, tries := true, 0
	ends := func() bool { tries++; return bad }
	w.source.mu.Lock()
	w.source.prepare = func(_ int, m *machine) error { spoil(m, ends); return nil }
	w.source.mu.Unlock()
	spoil(w.source.current(), ends)
	const hours = 3
	for range hours * 60 {
		w.commit("a")
		time.Sleep(time.Minute)
		synctest.Wait()
		if p := w.s.poison; p.ends > 0 {
			t.Fatalf("entry %d is blamed for %d ends", p.index, p.ends)
		}
	}
	// The pauses double up to longestRetry, and so it was tried often at first only.
	if most := 15 + int(hours*time.Hour/longestRetry); tries < 2 || tries > most {
		t.Errorf("%d snapshots were tried in %d hours, not between 2 and %d", tries, hours, most)
	}
	if list := w.s.snapshotWarnings(); len(list) != 1 || !strings.Contains(list[0].Text, errEndedAsked.Error()) || !strings.Contains(list[0].Text, errNoRoom.Error()) {
		t.Errorf("status warns: %v", list)
	}
	bad = false
	for range 2 * longestRetry / time.Minute {
		w.commit("b")
		time.Sleep(time.Minute)
		synctest.Wait()
	}
	if got := w.snapshots(); len(got) == 0 {
		t.Error("no snapshot followed")
	}
	if list := w.s.snapshotWarnings(); len(list) != 0 {
		t.Errorf("status still warns: %v", list)
	}
}

// A run that is taken apart is the same as the whole: every index and every command is in
// one part, in order, and the last part has what belongs to the run's end.
func TestARunIsTakenApart(t *testing.T) {
	whole := node.Apply{First: 5, Last: 12, Term: 3, Bytes: 100}
	for _, index := range []uint64{6, 7, 10} {
		whole.Commands = append(whole.Commands, node.Command{Index: index, Data: bytes.Repeat([]byte("x"), int(index))})
	}
	whole.Changes = []node.ChangeResult{{Index: 8}}
	parts := oneByOne(whole)
	next, sum, commands := whole.First, uint64(0), []node.Command{}
	for i, a := range parts {
		if a.First != next || len(a.Commands) != 1 || a.Commands[0].Index < a.First || a.Commands[0].Index > a.Last {
			t.Errorf("part %d is %+v", i, a)
		}
		if last := i == len(parts)-1; (a.Term != 0) != last || (len(a.Changes) != 0) != last {
			t.Errorf("part %d has term %d and %d changes", i, a.Term, len(a.Changes))
		}
		next, sum, commands = a.Last+1, sum+a.Bytes, append(commands, a.Commands...)
	}
	if next != 13 || sum != whole.Bytes || len(parts) != 3 {
		t.Errorf("%d parts end before %d with %d bytes", len(parts), next, sum)
	}
	if !slices.EqualFunc(commands, whole.Commands, func(a, b node.Command) bool { return a.Index == b.Index }) {
		t.Errorf("commands are %v", commands)
	}
}
