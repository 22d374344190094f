package plugincheck

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
)

// describeTime is how long the subject may take to say what it is and to end.
const describeTime = 30 * time.Second

// An opening is the first line of what the checking process writes, in JSON: what the subject
// says of itself, or why nothing is checked. The lines of package testing follow.
type opening struct {
	Info    plugins.Info
	Refused string
}

// Serve reads a Subject as JSON from r, runs its tests and ends the process. It is the work of
// the process that Run starts. The results go to standard output, which package testing knows
// by itself, and so must stdout. The plugins' logs go to stderr. The backends are those that
// this executable serves, for the level Performance.
func Serve(ctx context.Context, r io.Reader, stdout, stderr io.Writer, backends []backend.Backend) error {
	var s Subject
	if err := json.NewDecoder(r).Decode(&s); err != nil {
		return err
	}
	tests, opened := testsOf(ctx, &s, stderr, backends)
	if err := json.NewEncoder(stdout).Encode(opened); err != nil || opened.Refused != "" {
		return err
	}
	os.Args = []string{os.Args[0], "-test.v=test2json", "-test.timeout=0", "-test.run=" + s.Match}
	testing.Main(func(pattern, name string) (bool, error) { return regexp.MatchString(pattern, name) }, tests, nil, nil)
	return nil
}

// testsOf returns all tests of a subject. One that does not start has those of its process.
func testsOf(ctx context.Context, s *Subject, stderr io.Writer, backends []backend.Backend) ([]testing.InternalTest, opening) {
	info, err := describe(ctx, s, stderr)
	if err != nil {
		return []testing.InternalTest{
			{Name: "start", F: func(t *testing.T) { t.Error(err) }},
			{Name: "process", F: func(t *testing.T) { testHandshakes(t, s) }},
		}, opening{}
	}
	run, err := newKit(s, info)
	if err != nil {
		return nil, opening{Refused: err.Error()}
	}
	tests := []testing.InternalTest{{Name: "process", F: func(t *testing.T) {
		testHandshakes(t, s)
		withLane(t, s, false, stderr, func(t *testing.T, l *subjectLane) { testProcess(t, l, s.Level) })
	}}}
	tests = append(tests, testing.InternalTest{Name: "section", F: func(t *testing.T) { testSection(t, s, info) }})
	for _, c := range carriersOf(info) {
		tests = append(tests, testing.InternalTest{Name: c.name, F: func(t *testing.T) { withLane(t, s, c.plain, stderr, run) }})
	}
	if s.Level == Performance {
		b, err := newBench(s, info, backends, stderr)
		if err != nil {
			return nil, opening{Refused: err.Error()}
		}
		tests = append(tests, testing.InternalTest{Name: string(Performance), F: func(t *testing.T) { testPerformance(t, b) }})
	}
	return tests, opening{Info: info}
}

// withLane runs tests on a lane of their own.
func withLane(t *testing.T, s *Subject, plainGRPC bool, stderr io.Writer, run func(*testing.T, *subjectLane)) {
	l, err := newLane(s, plainGRPC, stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Errorf("the end of the plugins: %v", err)
		}
	})
	run(t, l)
}

// A carrier is a way in which the streams of a plugin travel.
type carrier struct {
	name  string
	plain bool
}

// carriersOf lists the carriers that the subject takes.
func carriersOf(info plugins.Info) []carrier {
	if info.Has(frames.Capability) {
		return []carrier{{"frames", false}, {"grpc", true}}
	}
	return []carrier{{"grpc", true}}
}

// describe asks the subject what it is.
func describe(ctx context.Context, s *Subject, stderr io.Writer) (plugins.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	l, err := newLane(s, true, stderr)
	if err != nil {
		return plugins.Info{}, err
	}
	info, err := l.describe(ctx)
	if closed := l.close(); err == nil {
		err = closed
	}
	return info, err
}
