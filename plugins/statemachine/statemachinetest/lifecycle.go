package statemachinetest

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

func testLifecycle(t *testing.T, h Harness) {
	t.Run("Describe says what it is", func(t *testing.T) { describes(t, h) })
	t.Run("Open refuses unknown config keys", func(t *testing.T) {
		refusesConfig(t, h, "no_such_key_in_any_state_machine: 1\n")
	})
	t.Run("Open refuses config that is not YAML", func(t *testing.T) { refusesConfig(t, h, "a: [1, 2\nb: }") })
	t.Run("calls before Open fail with ErrNotOpen", func(t *testing.T) {
		rule.Checks(t, "P-23")
		sm := h.New(t)
		t.Cleanup(func() { _ = sm.Close(testContext(t)) })
		eachCall(t, sm, plugins.ErrNotOpen)
	})
	t.Run("calls after Close fail with ErrClosed", func(t *testing.T) {
		rule.Checks(t, "P-23")
		in := open(t, h)
		in.advance(3)
		if err := in.sm.Close(in.ctx); err != nil {
			t.Fatalf("Close: %v", err)
		}
		eachCall(t, in.sm, plugins.ErrClosed, plugins.ErrGone)
	})
	t.Run("a second group is refused", func(t *testing.T) { refusesAGroup(t, h) })
	t.Run("Close twice is harmless", func(t *testing.T) {
		rule.Checks(t, "P-24")
		in := open(t, h)
		for i := range 2 {
			if err := in.sm.Close(in.ctx); err != nil {
				t.Fatalf("Close number %d: %v", i+1, err)
			}
		}
	})
}

// refusesAGroup: an open instance serves the group that it was opened for, and no other.
func refusesAGroup(t *testing.T, h Harness) {
	rule.Checks(t, "P-21", "P-39")
	in := open(t, h)
	in.advance(3)
	opts := h.options(t.TempDir())
	opts.Group++
	opts.Incarnation++
	if _, err := in.sm.Open(in.ctx, opts); !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("Open for group %d while it serves group %d: %v, want %v", opts.Group, opts.Group-1, err, plugins.ErrInvalidArgument)
	}
	in.advance(6)
}

func describes(t *testing.T, h Harness) {
	rule.Checks(t, "P-10", "P-11", "P-12", "SM-43", "SM-45")
	sm := h.New(t)
	before := sm.Describe()
	switch {
	case before.Kind != plugins.StateMachine:
		t.Errorf("Kind = %q, want %q", before.Kind, plugins.StateMachine)
	case strings.ToLower(before.Name) != before.Name:
		t.Errorf("Name = %q, want a lower-case name", before.Name)
	case before.ConfigSchema != nil && !json.Valid(before.ConfigSchema):
		t.Errorf("ConfigSchema is not JSON: %.64q", before.ConfigSchema)
	}
	if err := pluginrpc.CheckInfo(before); err != nil {
		t.Errorf("Describe: %v", err)
	}
	ctx := testContext(t)
	t.Cleanup(func() { _ = sm.Close(testContext(t)) })
	if _, err := sm.Open(ctx, h.options(t.TempDir())); err != nil {
		t.Fatalf("Open: %v", err)
	}
	if after := sm.Describe(); !reflect.DeepEqual(before, after) {
		t.Errorf("Describe changed with Open: %+v, then %+v", before, after)
	}
}

func refusesConfig(t *testing.T, h Harness, config string) {
	rule.Checks(t, "P-20")
	sm := h.New(t)
	t.Cleanup(func() { _ = sm.Close(testContext(t)) })
	opts := h.options(t.TempDir())
	opts.Config = []byte(config)
	if _, err := sm.Open(testContext(t), opts); !errors.Is(err, plugins.ErrInvalidConfig) {
		t.Fatalf("Open with config %q: %v, want %v", config, err, plugins.ErrInvalidConfig)
	}
}

// eachCall makes every call that needs an open state machine; each must fail
// with one of the errors in want.
func eachCall(t *testing.T, sm statemachine.StateMachine, want ...error) {
	t.Helper()
	ctx := testContext(t)
	calls := map[string]func() error{
		"Apply":           func() error { _, err := sm.Apply(ctx, statemachine.Batch{Through: 9}); return err },
		"Query":           func() error { _, err := sm.Query(ctx, nil); return err },
		"PrepareSnapshot": func() error { _, err := sm.PrepareSnapshot(ctx); return err },
		"Restore":         func() error { return sm.Restore(ctx, 1, strings.NewReader("")) },
	}
	if announces(sm) {
		calls["QueryStream"] = func() error {
			return statemachine.QueryStream(ctx, sm, nil, func([]byte) error { return nil })
		}
	}
	for name, call := range calls {
		err := call()
		if !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}
