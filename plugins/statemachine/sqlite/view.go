package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite/internal/engine"
)

// A view is the state at one index, on a connection of its own that cannot write. Commands
// go on meanwhile.
type view struct {
	s       *store
	c       *engine.Conn
	rules   policy
	applied uint64
	ctx     context.Context // of the store: its end ends the view
	slot    bool
	// beside is called while a statement runs for long; an error ends it.
	beside func() error
	failed error
}

// view fixes the state of now. With slot set it is one of the queries, waits for one of their
// places, and the store waits for its end; without, it is that of a snapshot, which the host releases when it likes.
func (s *store) view(ctx context.Context, slot bool) (*view, error) {
	if slot {
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	v := &view{s: s, slot: slot}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		v.freeSlot()
		return nil, plugins.ErrClosed
	}
	if slot {
		s.views.Add(1)
	}
	v.ctx = s.ctx
	if n := len(s.idle); n > 0 {
		v.c, s.idle = s.idle[n-1], s.idle[:n-1]
	}
	s.mu.Unlock()
	if err := v.open(); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

func (v *view) open() (err error) {
	if v.c == nil {
		if v.c, err = engine.Open(v.s.path, true); err != nil {
			return err
		}
		limit(v.c)
	}
	v.rules = policy{own: true, reads: true}
	v.c.Allow, v.c.Spend = v.rules.allow, nil
	if err = v.c.Exec("BEGIN"); err != nil {
		return err
	}
	v.applied, _, _, _, err = meta(v.c)
	v.rules.own = false
	return err
}

// close gives the view up.
func (v *view) close() {
	defer v.freeSlot()
	if v.slot {
		defer v.s.views.Done()
	}
	if v.c == nil {
		return
	}
	v.c.Spend, v.rules.own = nil, true
	usable := v.c.InTransaction() && v.c.Exec("ROLLBACK") == nil
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if usable && !v.s.closed && len(v.s.idle) < keptReaders {
		v.s.idle = append(v.s.idle, v.c)
	} else {
		v.c.Close()
	}
	v.c = nil
}

func (v *view) freeSlot() {
	if v.slot {
		<-v.s.slots
	}
}

// besideEvery is how often beside is called.
const besideEvery = 5 * time.Second

// watch ends the statement under way with ctx, and with the view.
func (v *view) watch(ctx context.Context) {
	last := time.Now()
	v.c.Spend = func(int) bool {
		switch {
		case v.failed != nil:
		case ctx.Err() != nil:
			v.failed = ctx.Err()
		case v.ctx.Err() != nil:
			v.failed = context.Cause(v.ctx)
		case v.beside != nil && time.Since(last) >= besideEvery:
			v.failed = v.beside()
			last = time.Now()
		}
		return v.failed != nil
	}
}

// prepare prepares the one statement of a query.
func (v *view) prepare(q statement) (*engine.Stmt, error) {
	v.rules.begin()
	stmt, rest, err := v.c.Prepare(q.SQL)
	switch {
	case v.failed != nil:
		if stmt != nil {
			stmt.Close()
		}
		return nil, v.failed
	case v.rules.reason != "":
		err = errors.New(v.rules.reason)
	case err == nil && stmt == nil:
		err = errors.New("there is no statement")
	case err == nil && !blank(rest):
		err = errors.New("a query is one statement")
	case err == nil && !stmt.ReadOnly():
		err = errors.New("a query reads alone: changes are commands")
	case err == nil:
		err = bind(stmt, q)
	}
	if err != nil {
		if stmt != nil {
			stmt.Close()
		}
		return nil, fmt.Errorf("%w: %w", statemachine.ErrInvalidQuery, err)
	}
	return stmt, nil
}

// wrap is the error of a step.
func (v *view) wrap(err error) error {
	if v.failed != nil {
		return v.failed
	}
	if isRefusal(err) {
		return fmt.Errorf("%w: %w", statemachine.ErrInvalidQuery, err)
	}
	return err
}

// blank tells whether there is nothing but white space and semicolons.
func blank(rest string) bool { return strings.Trim(rest, " \t\r\n;") == "" }
