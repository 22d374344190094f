package plugincheck

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/plugincheck/lane"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A subjectLane starts processes of the subject.
type subjectLane struct {
	*lane.Lane
	spec catalog.Spec
	dir  string
}

// newLane makes a lane whose plugins log to w. close ends all of them.
func newLane(s *Subject, plainGRPC bool, w io.Writer) (l *subjectLane, err error) {
	l = &subjectLane{spec: catalog.Spec{Kind: s.Kind, Command: s.Command, SHA256: s.SHA256}}
	if l.dir, err = os.MkdirTemp("", "c"); err != nil {
		return nil, err
	}
	l.Lane, err = lane.New(catalog.Options{
		Logger: slog.New(slog.NewTextHandler(w, nil)), RuntimeDir: l.dir, PlainGRPC: plainGRPC,
	})
	if err != nil {
		os.RemoveAll(l.dir)
		return nil, err
	}
	return l, nil
}

func (l *subjectLane) close() error {
	defer os.RemoveAll(l.dir)
	return l.Close()
}

// begin starts a process. It fails the test if that is refused.
func (l *subjectLane) begin(t testing.TB) *catalog.Instance {
	t.Helper()
	return l.Begin(t, l.spec)
}

// describe starts the subject once and returns what it says of itself.
func (l *subjectLane) describe(ctx context.Context) (plugins.Info, error) {
	in, err := l.Start(ctx, l.spec)
	if err != nil {
		return plugins.Info{}, err
	}
	return in.Info(), in.Stop(ctx)
}
