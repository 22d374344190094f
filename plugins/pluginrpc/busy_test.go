package pluginrpc_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
)

// With each answer on its session a plugin says what it is at, and the host knows since when,
// and when the progress rose. Rules SM-53 and SM-54.
func TestAPluginSaysWhatItIsAt(t *testing.T) {
	var busy atomic.Pointer[plugins.Busy]
	busy.Store(&plugins.Busy{})
	service := pluginrpc.Service{Info: info(), Busy: func() plugins.Busy { return *busy.Load() }}
	s := session(t, rpctest.Dial(t, service.Register))
	says := func(b plugins.Busy) pluginrpc.Occupation {
		t.Helper()
		busy.Store(&b)
		if err := s.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		o := s.Occupation()
		if o.Busy != b {
			t.Errorf("it is at %+v, want %+v", o.Busy, b)
		}
		return o
	}
	if o := says(plugins.Busy{}); !o.Since.IsZero() || !o.Rose.IsZero() {
		t.Errorf("of no work: %+v", o)
	}
	if o := says(plugins.Busy{What: "compacting"}); o.Since.IsZero() || !o.Rose.IsZero() {
		t.Errorf("without progress: %+v", o)
	}
	first := says(plugins.Busy{What: "compacting", Progress: 5})
	if first.Rose.Before(first.Since) {
		t.Errorf("with progress: %+v", first)
	}
	for _, progress := range []uint64{5, 4, 0, 5} {
		if o := says(plugins.Busy{What: "compacting", Progress: progress}); o.Rose != first.Rose || o.Since != first.Since {
			t.Errorf("progress %d after 5 counts as a rise: %+v", progress, o)
		}
	}
	if o := says(plugins.Busy{}); o.Rose != first.Rose || !o.Since.IsZero() {
		t.Errorf("after the work: %+v", o)
	}
	if o := says(plugins.Busy{What: "other work", Progress: 5}); o.Rose != first.Rose || !o.Since.After(first.Since) {
		t.Errorf("other work with the same progress: %+v", o)
	}
	if o := says(plugins.Busy{What: "other work", Progress: 1<<64 - 1}); !o.Rose.After(first.Rose) {
		t.Errorf("other work that gets on: %+v", o)
	}
}

// Words that cannot be shown, or are too many, end the session, and so the plugin. Rule SM-53.
func TestWordsThatCannotBeShownEndTheSession(t *testing.T) {
	for name, what := range map[string]string{
		"too long":   strings.Repeat("w", plugins.MaxBusyBytes+1),
		"two lines":  "compacting\nlevel=ERROR",
		"steering":   "\x1b[2J",
		"not a text": "compacting \xff",
	} {
		t.Run(name, func(t *testing.T) {
			service := pluginrpc.Service{Info: info(), Busy: func() plugins.Busy { return plugins.Busy{What: what, Progress: 1} }}
			s := session(t, rpctest.Dial(t, service.Register))
			err := s.Probe(t.Context())
			select {
			case <-s.Done():
			case <-time.After(time.Minute):
				t.Fatal("the session goes on")
			}
			if err == nil || !errors.Is(s.Err(), plugins.ErrBadAnswer) || !strings.Contains(s.Err().Error(), "SM-53") {
				t.Errorf("probe: %v, session: %v", err, s.Err())
			}
			if o := s.Occupation(); o.What != "" {
				t.Errorf("it is shown as %+v", o)
			}
		})
	}
}
