package sdk_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/sdk"
)

// The whole of a plugin's main.
func Example() {
	sdk.Serve(sdk.StateMachine("adder", func(env sdk.Env) statemachine.StateMachine {
		return newAdder(env.Logger)
	}))
}

// A backend can be used without a process, as a host does with isolation: inproc.
func ExampleStateMachine() {
	b := sdk.StateMachine("adder", func(env sdk.Env) statemachine.StateMachine { return newAdder(env.Logger) })
	sm := b.NewStateMachine(sdk.Env{Logger: slog.New(slog.DiscardHandler)})
	batch := statemachine.Batch{
		Entries: []statemachine.Entry{{Index: 1, Data: []byte("40")}, {Index: 2, Data: []byte("2")}, {Index: 3, Data: []byte("x")}},
		Through: 3,
	}
	if _, err := sm.Open(context.Background(), plugins.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	results, err := sm.Apply(context.Background(), batch)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.Kind, b.Name)
	for _, r := range results {
		fmt.Printf("%q %q\n", r.Data, r.Error)
	}
	// Output:
	// statemachine adder
	// "40" ""
	// "42" ""
	// "" "not a number"
}

// The metrics of a backend are among those that its host shows under /metrics.
func ExampleMetricsWriter() {
	var m sdk.MetricsWriter = newAdder(slog.Default())
	if err := m.WriteMetrics(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// # TYPE adder_total gauge
	// adder_total 0
}

// An adder adds up numbers. All that it keeps is in memory: a host restores its last
// snapshot and replays what follows.
type adder struct {
	log *slog.Logger

	mu      sync.Mutex
	closed  error // why no call is served; nil while the adder is open
	applied uint64
	total   int64
}

func newAdder(log *slog.Logger) *adder { return &adder{log: log, closed: plugins.ErrNotOpen} }

func (a *adder) Describe() plugins.Info {
	return plugins.Info{Kind: plugins.StateMachine, Name: "adder", Version: "1.0.0", Protocols: []uint32{plugins.ProtocolVersion}}
}

func (a *adder) Open(_ context.Context, o plugins.Options) (applied uint64, err error) {
	if len(bytes.TrimSpace(o.Config)) > 0 {
		return 0, fmt.Errorf("%w: an adder has no settings", plugins.ErrInvalidConfig)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed == nil {
		return 0, fmt.Errorf("%w: the adder is open", plugins.ErrInvalidArgument)
	}
	a.closed = nil
	a.log.Info("an adder starts at 0")
	return 0, nil
}

func (a *adder) Apply(_ context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed != nil {
		return nil, a.closed
	}
	results := make([]statemachine.Result, len(b.Entries))
	for i, e := range b.Entries {
		n, err := strconv.ParseInt(string(e.Data), 10, 32)
		switch {
		case e.Index <= a.applied: // the host replays
			results[i].Skipped = true
		case err != nil:
			results[i].Error = "not a number" // the same on every replica
		default:
			a.total += n
			results[i].Data = strconv.AppendInt(nil, a.total, 10)
		}
	}
	a.applied = max(a.applied, b.Through)
	return results, nil
}

func (a *adder) Query(context.Context, []byte) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strconv.AppendInt(nil, a.total, 10), a.closed
}

func (a *adder) PrepareSnapshot(context.Context) (statemachine.Snapshot, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return total{index: a.applied, value: a.total}, a.closed
}

func (a *adder) Restore(_ context.Context, index uint64, r io.Reader) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed != nil {
		return a.closed
	}
	text, err := io.ReadAll(io.LimitReader(r, 64))
	if err != nil {
		return err
	}
	line, whole := strings.CutSuffix(string(text), "\n")
	value, err := strconv.ParseInt(line, 10, 64)
	if err != nil || !whole {
		return fmt.Errorf("%w: %q", statemachine.ErrBadSnapshot, text)
	}
	a.applied, a.total = index, value
	return nil
}

func (a *adder) Close(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = plugins.ErrClosed
	return nil
}

// WriteMetrics implements sdk.MetricsWriter.
func (a *adder) WriteMetrics(w io.Writer) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, err := fmt.Fprintf(w, "# TYPE adder_total gauge\nadder_total %d\n", a.total)
	return err
}

// A total is the state of one moment.
type total struct {
	index uint64
	value int64
}

func (t total) Index() uint64 { return t.index }
func (t total) Release()      {}

func (t total) Save(_ context.Context, w io.Writer) error {
	_, err := fmt.Fprintln(w, t.value)
	return err
}
