package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

// followEvery is how often a directory is looked at for more.
const followEvery = 250 * time.Millisecond

func newAuditTail() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail DIR",
		Short: "Show the last records of an audit",
		Long: `tail shows the last records of an audit, or those since a moment, one a line, and
with --follow those that come, through rotations. DIR is the directory of the audit or
the data directory of a member. With -o json it shows the lines as they are in the
files. It checks nothing: "host audit verify" does.`,
		Example: `  host audit tail ./data/n1
  host audit tail ./data/n1 --follow
  host audit tail ./data/n1 --since 24h -o json`,
		Args: args(cobra.ExactArgs(1)),
	}
	out := addOutput(cmd)
	follow := cmd.Flags().BoolP("follow", "f", false, "go on with records that come")
	lines := cmd.Flags().IntP("lines", "n", 20, "how many of the last records, up to 10000")
	since := cmd.Flags().Duration("since", 0, "instead of --lines, all records of the last `time`, as 90m or 24h")
	cmd.RunE = func(cmd *cobra.Command, places []string) error {
		dir, ok := auditDir(places[0])
		if !ok {
			return fmt.Errorf("%w: %s is no directory", errNotFound, places[0])
		}
		if *lines < 0 || *lines > 10_000 || *since < 0 {
			return &usageError{cmd.CommandPath(), "--lines is a number from 0 to 10000, and --since a time that has passed"}
		}
		s := auditShow{w: cmd.OutOrStdout(), json: *out == formatJSON, last: *lines}
		if *since > 0 {
			s.since = time.Now().Add(-*since)
		}
		t, err := audit.NewTailer(dir, s.since)
		if err != nil {
			return err
		}
		if err := t.Read(s.take); err != nil {
			return err
		}
		if err := s.flush(); err != nil || !*follow {
			return err
		}
		return s.follow(cmd.Context(), t)
	}
	return cmd
}

// An auditShow shows lines of an audit.
type auditShow struct {
	w     io.Writer
	json  bool
	since time.Time // zero: the last ones
	last  int
	held  []string // the last ones so far
}

// take is given the lines that are there.
func (s *auditShow) take(text []byte) error {
	if !s.since.IsZero() {
		if l, err := audit.ParseLine(text); err == nil && l.Time.Before(s.since) {
			return nil
		}
		return s.show(text)
	}
	if s.held = append(s.held, string(text)); len(s.held) > 2*s.last {
		s.held = append(s.held[:0], s.held[len(s.held)-s.last:]...)
	}
	return nil
}

func (s *auditShow) flush() error {
	for _, text := range s.held[max(0, len(s.held)-s.last):] {
		if err := s.show([]byte(text)); err != nil {
			return err
		}
	}
	s.held = nil
	return nil
}

// follow shows what comes until the command is interrupted.
func (s *auditShow) follow(ctx context.Context, t *audit.Tailer) error {
	for {
		if err := t.Read(s.show); err != nil {
			return err
		}
		if pause.For(ctx, followEvery) {
			continue
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil
		}
		return ctx.Err()
	}
}

// show writes one line. The text of a host is visible; other text in a file is
// escaped.
func (s *auditShow) show(text []byte) error {
	l, err := audit.ParseLine(text)
	if s.json || err != nil {
		_, err := fmt.Fprintln(s.w, printable(string(text)))
		return err
	}
	_, err = fmt.Fprintln(s.w, printable(auditText(l)))
	return err
}

// auditText is a record for people.
func auditText(l audit.Line) string {
	parts := []string{fmt.Sprintf("%d %s %s(%s) %s", l.Number, l.Time.Format("2006-01-02T15:04:05.000Z"), l.Name, l.Member, l.Op)}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if l.Target != nil {
		add("of %s", l.Target.ID)
	}
	if l.Address != "" {
		add("from %s", l.Address)
	}
	if l.Client != "" {
		add("as %s by %s", l.Client, l.Method)
	}
	if l.Request != "" {
		add("request %s", l.Request)
	}
	if l.Intent {
		add("intent")
	}
	if l.Of > 0 {
		add("of intent %d", l.Of)
	}
	if l.Bytes != nil {
		add("%d bytes", *l.Bytes)
	}
	if l.Outcome != "" {
		add("%s", l.Outcome)
	}
	if l.Reason != "" {
		add("(%s)", l.Reason)
	}
	if l.Index > 0 {
		add("index %d term %d", l.Index, l.Term)
	}
	if l.Op == "dropped" {
		add("%d requests of which there is no record, %d of them refused", l.Records, l.Refusals)
	}
	return strings.Join(parts, " ")
}
