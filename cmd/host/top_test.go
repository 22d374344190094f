package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/clusterdoc"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// Two views never disagree: top has the document of status, byte by byte, and its table.
func TestTopShowsTheDocumentOfStatus(t *testing.T) {
	h := startFake(t)
	down := nowhere(t)
	h.set(func(h *fakeHost) {
		h.members.Members = append(h.members.Members, server.Member{ID: 2, Name: "n2", ClientAddress: down})
	})
	for _, format := range []string{formatJSON, formatTable} {
		given := []string{"-o", format, "--endpoints", h.address, "--timeout", "2s"}
		status, top := host(t, append([]string{"status"}, given...)...), host(t, append([]string{"top"}, given...)...)
		if top.code != exitOK || !strings.Contains(status.stdout, string(clusterdoc.Degraded)) || !strings.HasPrefix(top.stdout, status.stdout) {
			t.Errorf("status shows\n%s\nand top, with exit code %d,\n%s", status.stdout, top.code, top.stdout)
		}
		if format == formatJSON && top.stdout != status.stdout {
			t.Errorf("top adds to the document:\n%s", top.stdout)
		}
	}
}

// A picture is drawn over the one before, also when no member answers, until a key ends it.
func TestTopDrawsUntilAKeyEndsIt(t *testing.T) {
	for name, key := range map[string]string{"q": "q", "ctrl-c": "\x03", "another key before": "xq", "no more keys": ""} {
		t.Run(name, func(t *testing.T) {
			keys, press := io.Pipe()
			tick := make(chan time.Time)
			var screen bytes.Buffer
			asked := 0
			v := topView{w: &screen, tick: tick, size: func() (int, int, error) { return 80, 24, nil }}
			v.ask = func(context.Context) (clusterStatus, error) {
				asked++
				return clusterStatus{clusterdoc.New(nil)}, errors.New("none answers")
			}
			ended := make(chan error)
			go func() { ended <- v.run(t.Context(), keys) }()
			tick <- time.Time{}
			tick <- time.Time{}
			_, _ = io.WriteString(press, key)
			_ = press.Close()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(screen.String(), "\x1b[H"); n < 2 || n > asked || !strings.Contains(screen.String(), "UNAVAILABLE: no member answers") {
				t.Errorf("asked %d times, and drew %d pictures:\n%q", asked, n, screen.String())
			}
		})
	}
}

// A key ends a view that waits for a member.
func TestAKeyEndsATopThatAsks(t *testing.T) {
	v := topView{ask: func(ctx context.Context) (clusterStatus, error) {
		<-ctx.Done()
		return clusterStatus{}, ctx.Err()
	}}
	if err := v.run(t.Context(), strings.NewReader("q")); err != nil {
		t.Error(err)
	}
}

// Lines for which a screen has no room are counted, and no line wraps.
func TestTopFitsTheScreen(t *testing.T) {
	got := fit([]string{"one", "two is lång", "three", "four"}, 15, 3)
	if want := []string{"one", "two is lång", "(2 more lines)"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := fit([]string{"two is lång"}, 9, 3); got[0] != "two is lå" {
		t.Errorf("got %q", got)
	}
}
