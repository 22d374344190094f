package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagerpc"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
)

// instance is a backend that has been created.
type instance struct {
	info     plugins.Info
	register func(grpc.ServiceRegistrar)
	// metrics writes what the backend and its adapter count.
	metrics func(io.Writer) error
	// close is the contract's, for the end of an attachment whose host did not close it.
	close func(context.Context) error
	// watch tells the backend who leads; nil if it does not want to know.
	watch func(plugins.Leadership)
	// busy says what the backend is at; nil if it does not say that.
	busy    func() plugins.Busy
	started time.Time
}

// create makes the backend's instance. Its Info must agree with b.
func create(b Backend, log *slog.Logger) (*instance, error) {
	env := Env{Logger: log}
	in := &instance{started: time.Now(), metrics: func(io.Writer) error { return nil }}
	var made any
	switch {
	case b.Kind == plugins.Storage && b.NewStorage != nil:
		s := b.NewStorage(env)
		made, in.info, in.close = s, s.Describe(), s.Close
		in.register = func(r grpc.ServiceRegistrar) { storagerpc.Register(r, s) }
	case b.Kind == plugins.Transport && b.NewTransport != nil:
		t := b.NewTransport(env)
		made, in.info, in.close = t, t.Describe(), t.Close
		in.register = func(r grpc.ServiceRegistrar) {
			s := transportrpc.Register(r, t)
			s.LogTo(log)
			in.registerTransport(s)
		}
	case b.Kind == plugins.StateMachine && b.NewStateMachine != nil:
		s := b.NewStateMachine(env)
		made, in.info, in.close = s, s.Describe(), s.Close
		in.register = func(r grpc.ServiceRegistrar) { statemachinerpc.Register(r, s) }
	default:
		return nil, fmt.Errorf("backend %q of kind %q has no constructor of that kind", b.Name, b.Kind)
	}
	if w, ok := made.(MetricsWriter); ok {
		in.metrics = w.WriteMetrics
	}
	w, err := backend.Watcher(made, in.info)
	if err != nil {
		return in, err
	}
	if w != nil {
		in.watch = w.SetLeadership
	}
	if in.busy, err = backend.Reporter(made, in.info); err != nil {
		return in, err
	}
	in.info.Capabilities = append(slices.Clip(in.info.Capabilities), frames.Capability)
	return in, in.check(b)
}

// registerTransport adds the adapter's own counter to the metrics.
func (in *instance) registerTransport(s *transportrpc.Server) {
	own := in.metrics
	in.metrics = func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "# TYPE pontoon_transport_inbound_dropped_total counter\n"+
			"pontoon_transport_inbound_dropped_total %d\n", s.Dropped())
		if err != nil {
			return err
		}
		return own(w)
	}
}

// check finds what a host would refuse.
func (in *instance) check(b Backend) error {
	if len(in.info.Protocols) == 0 {
		in.info.Protocols = []uint32{plugins.ProtocolVersion}
	}
	if in.info.Kind != b.Kind || in.info.Name != b.Name {
		return fmt.Errorf("describes itself as %s %q, is served as %s %q", in.info.Kind, in.info.Name, b.Kind, b.Name)
	}
	return pluginrpc.CheckInfo(in.info)
}

// registerAll registers the backend and what every plugin serves.
func (in *instance) registerAll(level *slog.LevelVar) func(grpc.ServiceRegistrar) {
	return func(r grpc.ServiceRegistrar) {
		in.register(r)
		pluginrpc.Service{Info: in.info, SetLogLevel: level.Set, Metrics: in.metricsText, SetLeadership: in.watch, Busy: in.busy}.Register(r)
	}
}

// metricsText is the metrics of the process and of the backend. Names of the first
// begin with the kind, as the host demands of all that a plugin says.
func (in *instance) metricsText() []byte {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	var b bytes.Buffer
	gauge := func(what string, value any) {
		name := fmt.Sprintf("pontoon_%s_process_%s", in.info.Kind, what)
		fmt.Fprintf(&b, "# TYPE %s gauge\n%s %v\n", name, name, value)
	}
	gauge("start_time_seconds", in.started.Unix())
	gauge("goroutines", runtime.NumGoroutine())
	gauge("heap_bytes", mem.HeapAlloc)
	gauge("gc_cycles", mem.NumGC)
	if err := in.metrics(&b); err != nil {
		slog.Warn("backend has no metrics now", "error", err)
	}
	return b.Bytes()
}

// description is what "describe" prints.
type description struct {
	Kind         string          `json:"kind"`
	Name         string          `json:"name"`
	Version      string          `json:"version"`
	Protocols    []uint32        `json:"protocols"`
	Capabilities []string        `json:"capabilities"`
	Requires     []string        `json:"requires,omitempty"`
	ConfigSchema json.RawMessage `json:"config_schema,omitempty"`
}

// describe prints info as JSON.
func describe(w io.Writer, info plugins.Info) error {
	d := description{
		Kind: string(info.Kind), Name: info.Name, Version: info.Version,
		Protocols: info.Protocols, Capabilities: []string{}, ConfigSchema: info.ConfigSchema,
	}
	for _, c := range info.Capabilities {
		d.Capabilities = append(d.Capabilities, string(c))
	}
	for _, c := range info.Requires {
		d.Requires = append(d.Requires, string(c))
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}
