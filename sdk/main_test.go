package sdk

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// TestMain lets the test's executable be the plugin that the tests start.
func TestMain(m *testing.M) {
	ServeBuiltin(os.Args[1:], builtins())
	os.Exit(m.Run())
}

func builtins() []Backend {
	return []Backend{
		StateMachine("sum", func(env Env) statemachine.StateMachine { return &sum{env: env} }),
		StateMachine("boss", func(env Env) statemachine.StateMachine {
			b := &boss{sum: sum{env: env}}
			b.Begin("telling others what to do") // has no end
			b.Advance(1)
			return b
		}),
		StateMachine("liar", func(Env) statemachine.StateMachine { return &sum{} }), // says it is "sum"
	}
}

// sum adds up the bytes of its entries.
type sum struct {
	env     Env
	applied uint64
	total   byte
}

func (s *sum) Describe() plugins.Info {
	return plugins.Info{Kind: plugins.StateMachine, Name: "sum", Version: "1.2.3", ConfigSchema: []byte(`{"type":"object"}`)}
}

// boss logs who leads, and is at work.
type boss struct {
	sum
	Work
}

func (b *boss) Describe() plugins.Info {
	return plugins.Info{Kind: plugins.StateMachine, Name: "boss", Version: "1", Capabilities: []plugins.Capability{plugins.CapabilityLeadership, plugins.CapabilityBusy}}
}

func (b *boss) SetLeadership(l plugins.Leadership) {
	b.env.Logger.Info(fmt.Sprintf("leadership %+v", l))
}

func (s *sum) Open(context.Context, plugins.Options) (uint64, error) {
	s.env.Logger.Info("opened", "group", 1)
	s.env.Logger.Debug("details")
	return 0, nil
}

func (s *sum) Apply(_ context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	results := make([]statemachine.Result, len(b.Entries))
	for i, e := range b.Entries {
		if string(e.Data) == "panic" {
			panic("an entry that nobody expected")
		}
		for _, d := range e.Data {
			s.total += d
		}
		results[i].Data = []byte{s.total}
	}
	s.applied = b.Through
	return results, nil
}

func (s *sum) Query(context.Context, []byte) ([]byte, error) { return []byte{s.total}, nil }

func (s *sum) PrepareSnapshot(context.Context) (statemachine.Snapshot, error) {
	return fixed{s.applied, s.total}, nil
}

func (s *sum) Restore(_ context.Context, index uint64, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil || len(b) != 1 {
		return statemachine.ErrBadSnapshot
	}
	s.applied, s.total = index, b[0]
	return nil
}

func (s *sum) Close(context.Context) error { return nil }

func (s *sum) WriteMetrics(w io.Writer) error {
	_, err := io.WriteString(w, "sum_total 1\n")
	return err
}

type fixed struct {
	index uint64
	total byte
}

func (f fixed) Index() uint64 { return f.index }
func (f fixed) Save(_ context.Context, w io.Writer) error {
	_, err := w.Write([]byte{f.total})
	return err
}
func (f fixed) Release() {}
