package catalog

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
)

// countedCalls counts what an Observer was given, by kind and method.
type countedCalls map[string]int

func (c countedCalls) of(kind plugins.Kind, method string) Observer {
	name := string(kind) + " " + method
	c[name] = 0
	return countedCall{c, name}
}

type countedCall struct {
	in   countedCalls
	name string
}

// Observe implements Observer.
func (c countedCall) Observe(float64) { c.in[c.name]++ }

// recited is a connection whose streams give these results, one for each receive.
type recited []error

// Invoke implements grpc.ClientConnInterface.
func (s recited) Invoke(context.Context, string, any, any, ...grpc.CallOption) error { return s[0] }

// NewStream implements grpc.ClientConnInterface.
func (s recited) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	if len(s) == 0 {
		return nil, errScript
	}
	return &recitedStream{rest: s}, nil
}

type recitedStream struct {
	grpc.ClientStream
	rest []error
}

// RecvMsg implements grpc.ClientStream.
func (s *recitedStream) RecvMsg(any) error {
	err := s.rest[0]
	s.rest = s.rest[1:]
	return err
}

var errScript = errors.New("as the script says")

// The methods are those of the protocol, without the streams that last as long as a plugin
// serves: their number is fixed, whatever is called.
func TestTheCallsThatAreObserved(t *testing.T) {
	calls := countedCalls{}
	all := observers(calls.of)
	for _, name := range []string{"/pontoon.plugin.v1.Storage/Read", "/pontoon.plugin.v1.StateMachine/Query", "/pontoon.plugin.v1.Transport/SetPeers"} {
		if all[name] == nil {
			t.Errorf("%s is not observed", name)
		}
	}
	for _, name := range []string{"storage Append", "state_machine Apply", "statemachine Apply", "transport Raft"} {
		if _, ok := calls[name]; ok {
			t.Errorf("%s is observed", name)
		}
	}
	if observers(nil) != nil {
		t.Error("calls are observed though nothing asks for it")
	}
}

// Each call counts once: with its answer or its error, a stream with its end, and one that
// has one answer with that.
func TestEachCallCountsOnce(t *testing.T) {
	const read, save = "/pontoon.plugin.v1.Storage/Read", "/pontoon.plugin.v1.Storage/SaveSnapshot"
	manyAnswers, oneAnswer := &grpc.StreamDesc{ServerStreams: true}, &grpc.StreamDesc{ClientStreams: true}
	for name, c := range map[string]struct {
		script recited
		desc   *grpc.StreamDesc // nil of a call without a stream
		method string
	}{
		"an answer":                        {recited{nil}, nil, read},
		"an error":                         {recited{errScript}, nil, read},
		"a stream to its end":              {recited{nil, nil, io.EOF, io.EOF}, manyAnswers, read},
		"a stream that breaks":             {recited{nil, errScript, errScript}, manyAnswers, read},
		"a stream with one answer":         {recited{nil, io.EOF}, oneAnswer, save},
		"a stream that cannot be opened":   {recited{}, manyAnswers, read},
		"a method that is not of protocol": {recited{nil, io.EOF}, manyAnswers, "/other/Read"},
	} {
		t.Run(name, func(t *testing.T) {
			calls := countedCalls{}
			conn := observed{c.script, observers(calls.of)}
			if c.desc == nil {
				_ = conn.Invoke(t.Context(), c.method, nil, nil)
			} else if stream, err := conn.NewStream(t.Context(), c.desc, c.method); err == nil {
				for range c.script {
					_ = stream.RecvMsg(nil)
				}
			}
			var counts []int
			for _, n := range calls {
				if n > 0 {
					counts = append(counts, n)
				}
			}
			want := []int{1}
			if c.method == "/other/Read" {
				want = nil
			}
			if !slices.Equal(counts, want) {
				t.Errorf("observed %v, want %v", counts, want)
			}
		})
	}
}
