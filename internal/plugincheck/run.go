package plugincheck

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
)

// A Report has the results of a check.
type Report struct {
	Kind    plugins.Kind `json:"kind"`
	Name    string       `json:"name"`
	Version string       `json:"version"`
	Command []string     `json:"command"`
	SHA256  string       `json:"sha256"`
	Level   Level        `json:"level"`
	Seconds float64      `json:"seconds"`
	// Checks has each check without other ones below it.
	Checks []*Check `json:"checks"`
}

// Count is how many checks ended with an outcome.
func (r *Report) Count(o Outcome) (n int) {
	for _, c := range r.Checks {
		if c.Outcome == o {
			n++
		}
	}
	return n
}

// Conforms tells whether nothing was found that breaks a rule.
func (r *Report) Conforms() bool { return r.Count(Failed)+r.Count(Ended) == 0 && r.Count(Passed) > 0 }

// Runner says how a check runs.
type Runner struct {
	// Command starts the checking process, which calls Serve.
	Command func(context.Context) *exec.Cmd
	// Timeout bounds the whole check; a check within which it passes has the outcome Ended.
	// 0 means an hour.
	Timeout time.Duration
	// Progress is told of each check at its end, also of those with others below them.
	Progress func(*Check)
	// Logs gets what the plugins log; nothing if nil.
	Logs io.Writer
}

// Run checks a subject. Its error says why there is no report: of a plugin that does not start,
// for example, or at the end of ctx.
func (r *Runner) Run(ctx context.Context, s Subject) (*Report, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var last lastLines
	limit := cmp.Or(r.Timeout, time.Hour)
	bounded, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it was not done after %v", limit))
	defer cancel()
	dir, err := os.MkdirTemp("", "c")
	if err != nil {
		return nil, err
	}
	defer clearAway(dir)
	cmd := r.Command(bounded)
	cmd.Env = append(cmd.Environ(), "TMPDIR="+dir)
	cmd.Stdin = bytes.NewReader(text)
	cmd.Stderr = &last
	if r.Logs != nil {
		cmd.Stderr = io.MultiWriter(&last, r.Logs)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	reading := reader{ended: r.Progress}
	opened, all, err := reading.read(stdout)
	ended := cmd.Wait()
	if bounded.Err() != nil {
		ended = context.Cause(bounded)
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("the checking process: %w, %v: %s", err, ended, &last)
	case opened.Refused != "":
		return nil, fmt.Errorf("%w: %s", ErrNotChecked, opened.Refused)
	case len(all) == 0:
		return nil, fmt.Errorf("%w: no check has a name that matches %q", ErrNotChecked, s.Match)
	}
	report := &Report{
		Kind: s.Kind, Name: opened.Info.Name, Version: opened.Info.Version, Command: s.Command, SHA256: s.SHA256, Level: s.Level,
		Seconds: time.Since(began).Round(time.Millisecond).Seconds(),
	}
	report.fill(all, ended, last.String())
	return report, nil
}

// ErrNotChecked says that nothing was checked: a hint is missing, or no name matches.
var ErrNotChecked = errors.New("nothing was checked")

// fill takes the checks that count: those with none below, and others that failed while none
// below did. A finding that names no rule has those of the checks above it. A check within
// which the process ended gets its last words.
func (r *Report) fill(all []*Check, ended error, words string) {
	below := map[string]bool{}
	for _, c := range all {
		if c.Outcome != Failed && c.Outcome != Ended {
			continue
		}
		for above := parent(c.Name); above != ""; above = parent(above) {
			below[above] = true
		}
	}
	rules := map[string][]Rule{}
	for _, c := range all {
		bad := c.Outcome == Failed || c.Outcome == Ended
		rules[c.Name] = c.Rules
		if c.group && (!bad || below[c.Name]) {
			continue
		}
		for above := parent(c.Name); bad && len(c.Rules) == 0 && above != ""; above = parent(above) {
			c.Rules = rules[above]
		}
		if c.Outcome == Ended {
			c.Output += fmt.Sprintf("the checking process ended here: %v\n%s", ended, words)
			c.Rules = rulesIn(c.Output)
		}
		r.Checks = append(r.Checks, c)
	}
}

// lastLines keeps the end of what a process writes.
type lastLines struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (l *lastLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(len(l.text)-maxOutput, 0):]
	return len(p), nil
}

// String returns the kept lines.
func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.text))
}
