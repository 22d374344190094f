package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/sdk"
)

func TestConformance(t *testing.T) {
	statemachinetest.Run(t, statemachinetest.Harness{
		New: func(testing.TB) statemachine.StateMachine {
			return newOutbox(sdk.Env{Logger: slog.New(slog.DiscardHandler)})
		},
		Command: func(i int) []byte { return fmt.Appendf(nil, "post 0 letter %d", i) },
		Refused: []statemachinetest.Refusal{
			{Name: "no command", Data: []byte("hello")},
			{Name: "sent before it was posted", Data: []byte("sent 99999999 1")},
		},
		Observe: func(ctx context.Context, sm statemachine.StateMachine) (string, error) {
			count, err := sm.Query(ctx, nil)
			return string(count), err
		},
		Waiting: func() []byte { return []byte("post 1000 later") },
		Stream:  func() []byte { return nil },
	})
}

// The example shows that such a machine is small.
func TestTheExampleIsShort(t *testing.T) {
	source, err := os.ReadFile("outbox.go")
	if err != nil {
		t.Fatal(err)
	}
	others, err := filepath.Glob("*.go")
	if err != nil || !slices.Equal(others, []string{"outbox.go", "outbox_test.go"}) {
		t.Fatalf("the lines of %v are to be counted, %v", others, err)
	}
	lines := 0
	for line := range strings.Lines(string(source)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			lines++
		}
	}
	if lines >= 150 {
		t.Errorf("%d lines of code", lines)
	}
}

// town is the world of a test: a receiver of letters, and the log of the outbox that it serves.
type town struct {
	o *outbox

	mu    sync.Mutex
	index uint64
	time  uint64
	term  uint64
	got   []string
	down  bool // the receiver does not answer
}

// RoundTrip receives a letter.
func (p *town) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		err = errors.New("the receiver is down")
	}
	if err != nil {
		return nil, err
	}
	p.got = append(p.got, fmt.Sprintf("%s in term %s", text, r.Header.Get("Letter-Term")))
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
}

func (p *town) Propose(_ context.Context, command []byte) (client.Result, error) {
	p.mu.Lock()
	p.index++
	e := statemachine.Entry{Index: p.index, Term: p.term, Time: p.time, Data: command, Tick: command == nil}
	p.mu.Unlock()
	r, err := p.o.Apply(context.Background(), statemachine.Batch{Entries: []statemachine.Entry{e}, Through: e.Index})
	return client.Result{Data: r[0].Data, Error: r[0].Error}, err
}

func (p *town) Close() error { return nil }

// post puts a letter into the log.
func (p *town) post(t *testing.T, command string) {
	t.Helper()
	if r, err := p.Propose(t.Context(), []byte(command)); err != nil || r.Error != "" {
		t.Fatalf("%s: %q, %v", command, r.Error, err)
	}
}

// at moves the clock of the log by a tick, and waits until nothing more happens.
func (p *town) at(t *testing.T, now, term uint64) {
	t.Helper()
	p.mu.Lock()
	p.time, p.term = now, term
	p.mu.Unlock()
	if _, err := p.Propose(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func (p *town) took(t *testing.T, want ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.got, want) {
		t.Fatalf("the receiver has %q, want %q", p.got, want)
	}
}

func newTown(t *testing.T) *town {
	t.Helper()
	o := newOutbox(sdk.Env{Logger: slog.New(slog.DiscardHandler)}).(*outbox)
	p := &town{o: o, term: 1, time: 1000}
	o.http.Transport = p
	if _, err := o.Open(t.Context(), plugins.Options{Config: []byte("to: http://receiver/")}); err != nil {
		t.Fatal(err)
	}
	if err := o.host.Close(); err != nil {
		t.Fatal(err)
	}
	o.host = p
	return p
}

// Letters are sent by the member that leads and is ready, once, when the log's time has
// come, and again when the receiver was down.
func TestTheLeaderSendsWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTown(t)
		defer p.o.Close(t.Context())
		p.post(t, "post 0 now")
		p.post(t, "post 500 later")
		p.at(t, 1100, 1)
		p.took(t)
		p.o.SetLeadership(plugins.Leadership{Term: 1, Leader: 1, Leads: true})
		synctest.Wait()
		p.took(t)
		p.o.SetLeadership(plugins.Leadership{Term: 1, Leader: 1, Leads: true, Ready: true})
		synctest.Wait()
		p.took(t, "now in term 1")
		if next := p.o.NextTimer(); next != 1500 {
			t.Errorf("the next tick is wanted at %d, not at 1500", next)
		}
		p.mu.Lock()
		p.down = true
		p.mu.Unlock()
		p.at(t, 1500, 1)
		time.Sleep(time.Minute) // by the bubble's clock
		p.took(t, "now in term 1")
		p.mu.Lock()
		p.down = false
		p.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		p.took(t, "now in term 1", "later in term 1")
	})
}

// A leader that was deposed between a letter and the log's word of it changes nothing: the
// next one sends the letter again, under its own term.
func TestADeposedLeaderHasSentNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTown(t)
		defer p.o.Close(t.Context())
		p.post(t, "post 0 once")
		if r, err := p.Propose(t.Context(), []byte("sent 1 7")); err != nil || !strings.Contains(r.Error, "another leader") {
			t.Fatalf("a command of term 7 in term 1: %q, %v", r.Error, err)
		}
		p.at(t, 1000, 8)
		p.o.SetLeadership(plugins.Leadership{Term: 8, Leader: 1, Leads: true, Ready: true})
		synctest.Wait()
		p.took(t, "once in term 8")
		if count, err := p.o.Query(t.Context(), nil); err != nil || string(count) != "0" {
			t.Errorf("%s letters wait: %v", count, err)
		}
	})
}
