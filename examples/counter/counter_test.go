package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

func newCounter() *counter { return &counter{log: slog.New(slog.DiscardHandler)} }

func TestConformance(t *testing.T) {
	statemachinetest.Run(t, statemachinetest.Harness{
		New:     func(testing.TB) statemachine.StateMachine { return newCounter() },
		Command: func(i int) []byte { return strconv.AppendInt(nil, int64(i+1), 10) },
		Refused: []statemachinetest.Refusal{
			{Name: "not a number", Data: []byte("one")},
			{Name: "overflow", Data: []byte("9223372036854775807")},
		},
		Observe: func(ctx context.Context, sm statemachine.StateMachine) (string, error) {
			value, err := sm.Query(ctx, []byte("value"))
			return string(value), err
		},
		Changed:     func() []byte { return []byte("1") }, // for a build with the tag next
		BadQueries:  [][]byte{[]byte("what?")},
		Checksummed: true,
		Durable:     true,
		// The file is as a killed process leaves it: nothing is written at the end.
		Kill: func(t testing.TB, sm statemachine.StateMachine) { sm.(*counter).file.File.Close() },
	})
}

// A write that was torn leaves the state of the batch before it.
func TestTornWrite(t *testing.T) {
	dir := t.TempDir()
	c := newCounter()
	if _, err := c.Open(t.Context(), plugins.Options{DataDir: dir}); err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= 3; i++ {
		b := statemachine.Batch{Entries: []statemachine.Entry{{Index: i, Data: []byte("5")}}, Through: i}
		if _, err := c.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "counter")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[slotStride+30] ^= 0xff // the third write is in the second slot
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if applied, err := newCounter().Open(t.Context(), plugins.Options{DataDir: dir}); applied != 2 || err != nil {
		t.Errorf("Open = %d, %v, want 2", applied, err)
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), len(raw)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newCounter().Open(t.Context(), plugins.Options{DataDir: dir}); err == nil || errors.Is(err, plugins.ErrWrongIdentity) {
		t.Errorf("Open of a damaged file: %v", err)
	}
}
