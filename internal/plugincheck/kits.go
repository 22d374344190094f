package plugincheck

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// A kit is what checks plugins of the subject's kind, on one lane.
type kit func(*testing.T, *subjectLane)

// newKit returns the kit for a subject that describes itself as info.
func newKit(s *Subject, info plugins.Info) (kit, error) {
	config, err := s.Hints.section()
	if err != nil {
		return nil, err
	}
	switch s.Kind {
	case plugins.StateMachine:
		h, err := stateMachineHarness(&s.Hints, config)
		return func(t *testing.T, l *subjectLane) {
			h := h
			h.New, h.Kill = l.StateMachine(l.spec), func(t testing.TB, sm statemachine.StateMachine) { l.Kill(t, sm) }
			statemachinetest.Run(t, h)
		}, err
	case plugins.Storage:
		return func(t *testing.T, l *subjectLane) {
			storagetest.Run(t, storagetest.Harness{
				New: l.Storage(l.spec), Kill: func(t testing.TB, st storage.Storage) { l.Kill(t, st) },
				Config: config, ModelRuns: s.Level.modelRuns(),
			})
		}, nil
	case plugins.Transport:
		h, err := transportHarness(&s.Hints, config, info)
		return func(t *testing.T, l *subjectLane) {
			h := h
			h.New = l.Transport(l.spec)
			transporttest.Run(t, h)
		}, err
	}
	return nil, fmt.Errorf("no kit checks the kind %q", s.Kind)
}

// section is the config section as a host hands it over.
func (h *Hints) section() ([]byte, error) {
	if len(h.Config) == 0 {
		return nil, nil
	}
	return yaml.Marshal(h.Config)
}

// modelRuns is how many random sequences of operations a storage gets.
func (l Level) modelRuns() int {
	if l == Durability {
		return 100
	}
	return 10
}

func stateMachineHarness(h *Hints, config []byte) (statemachinetest.Harness, error) {
	made := statemachinetest.Harness{Config: config, Checksummed: h.Checksummed, Durable: h.Durable}
	commands, err := NewSeries(h.Commands)
	if err != nil {
		return made, fmt.Errorf("commands: %w", err)
	}
	made.Command = commands.Command
	refused, err := NewSeries(h.Refused)
	if err != nil {
		return made, fmt.Errorf("refused: %w", err)
	}
	for i, data := range refused {
		// A slash in the name of a test would be a test below another one, which never ends.
		made.Refused = append(made.Refused, statemachinetest.Refusal{Name: strings.ReplaceAll(h.Refused[i], "/", "|"), Data: data})
	}
	queries, err := NewSeries(h.BadQueries)
	if err != nil {
		return made, fmt.Errorf("bad_queries: %w", err)
	}
	made.BadQueries = queries
	if strings.Contains(h.Sized, "{fill}") {
		made.Sized = func(n int) []byte { return filled(h.Sized, n) }
	}
	if strings.Contains(h.Answering, "{n}") {
		made.Answering = func(n int) []byte { return []byte(strings.ReplaceAll(h.Answering, "{n}", strconv.Itoa(n))) }
	}
	for name, x := range map[string]struct {
		text string
		take func([]byte)
	}{
		"observe": {h.Observe, func(query []byte) { made.Observe = observe(query) }},
		"stream":  {h.Stream, func(query []byte) { made.Stream = func() []byte { return query } }},
		"changed": {h.Changed, func(command []byte) { made.Changed = func() []byte { return command } }},
		"waiting": {h.Waiting, func(command []byte) { made.Waiting = func() []byte { return command } }},
	} {
		data, err := decode(x.text)
		if err != nil {
			return made, fmt.Errorf("%s: %w", name, err)
		}
		if x.text != "" {
			x.take(data)
		}
	}
	return made, nil
}

func observe(query []byte) func(context.Context, statemachine.StateMachine) (string, error) {
	return func(ctx context.Context, sm statemachine.StateMachine) (string, error) {
		answer, err := sm.Query(ctx, query)
		return string(answer), err
	}
}

func transportHarness(h *Hints, config []byte, info plugins.Info) (transporttest.Harness, error) {
	made := transporttest.Harness{Config: config, Listen: h.Listen, TCP: h.Link == "tcp", Resumes: h.Resumes}
	if made.Listen == "" {
		made.Listen = "127.0.0.1:0"
	}
	url := h.URL
	if schemes := transport.Schemes(info); url == "" && len(schemes) > 0 {
		url = schemes[0] + "://{address}"
	}
	if !strings.Contains(url, "{address}") {
		return made, fmt.Errorf("how the URL of a peer is made is not known: the transport announces no scheme, "+
			"and the hint url is %q; a hint like url: tape://{address} says it", url)
	}
	made.URL = func(address string) string { return strings.ReplaceAll(url, "{address}", address) }
	return made, nil
}
