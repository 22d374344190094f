package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/plugincheck/replay"
)

// errAnswersDiffer is the verdict of plugin replay, already printed.
var errAnswersDiffer = errors.New("an answer of the plugin differs from the record")

// A pluginReplay has the flags of plugin replay.
type pluginReplay struct {
	subject replay.Subject
	logs    bool
}

func newPluginReplay() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay FILE [flags] -- COMMAND [ARGUMENT...]",
		Short: "Give an executable the recorded calls of a plugin, and show the first answer that differs",
		Long: `replay starts an executable as a host does, gives it the calls of a record, in their
order, and stops at the first answer that is another one than the record has. The record
is what a host has written with plugins.KIND.record in its configuration. FILE is its
path; the older files, which have the same name and a number, belong to it. One of them
is replayed alone if it is named.

A replay begins where the state of the plugin is known: at an Open without a state, at a
Restore, or with a snapshot that the recorded plugin has saved. It ends at a gap, and
begins again after it. Everything that was not replayed is named. The plugin's data lie
in --dir while it runs.

The exit code is 4 if an answer differs, or if the record is damaged, and 5 if nothing of
it can be replayed.`,
		Example: `  host plugin replay ledger.record -- ./ledger
  host plugin replay ledger.record.0000000007 -o json -- ./ledger --strict`,
		Args: func(cmd *cobra.Command, given []string) error {
			if cmd.ArgsLenAtDash() != 1 || len(given) < 2 {
				return &usageError{cmd.CommandPath(), "give the file of a record, and after -- the command of a plugin"}
			}
			return nil
		},
	}
	out := addOutput(cmd)
	var p pluginReplay
	cmd.Flags().DurationVar(&p.subject.Timeout, "timeout", replay.DefaultTimeout, "how long each answer is waited for")
	cmd.Flags().StringVar(&p.subject.Dir, "dir", "", "`directory` for the plugin's data (default that of temporary files)")
	cmd.Flags().BoolVar(&p.logs, "logs", false, "show what the plugin logs, on standard error")
	cmd.RunE = func(cmd *cobra.Command, given []string) (err error) {
		if p.subject.Timeout <= 0 {
			return &usageError{cmd.CommandPath(), "--timeout must be above 0"}
		}
		p.subject.Path, p.subject.Command = given[0], slices.Clone(given[1:])
		if p.subject.Command[0], err = filepath.Abs(given[1]); err != nil {
			return err
		}
		if p.subject.SHA256, err = catalog.SumOf(p.subject.Command[0]); err != nil {
			return err
		}
		return p.run(cmd, out)
	}
	return cmd
}

func (p *pluginReplay) run(cmd *cobra.Command, out *format) error {
	if p.logs {
		p.subject.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	}
	line := newProgress(cmd.ErrOrStderr())
	p.subject.Progress = func(event, events uint64) { line.show("event %d of %d", event, events) }
	report, err := p.subject.Run(cmd.Context())
	line.clear()
	if report == nil {
		return err
	}
	if printed := out.print(cmd, report, func(w io.Writer) error { return printReplay(w, report) }); printed != nil {
		return printed
	}
	switch {
	case err != nil:
		return err
	case report.Difference != nil:
		return errAnswersDiffer
	case report.Damaged():
		return errDamaged
	}
	return nil
}

// printReplay writes a report for people.
func printReplay(w io.Writer, r *replay.Report) error {
	var b strings.Builder
	for _, s := range r.Starts {
		fmt.Fprintf(&b, "BEGINS   at event %d, %s: %s\n", s.Event, s.Time.UTC().Format(time.RFC3339), howItBegins(s))
	}
	for _, why := range r.Left {
		fmt.Fprintf(&b, "LEFT OUT %s\n", why)
	}
	for _, fault := range r.Faults {
		fmt.Fprintf(&b, "FAULT    %s\n", fault)
	}
	if d := r.Difference; d != nil {
		printDifference(&b, d)
	}
	verdict := "gives the same answers"
	if r.Difference != nil {
		verdict = "answers otherwise"
	}
	fmt.Fprintf(&b, "%s %q, version %s, %s. Recorded: %s. %d calls with %d entries, %d answers compared, %d undecided, in %.1f s\n",
		r.Kind, r.Replayed.Name, r.Replayed.Version, verdict, versionsOf(r.Recorded), r.Calls, r.Entries, r.Compared, r.Undecided, r.Seconds)
	_, err := io.WriteString(w, printableLines(b.String()))
	return err
}

func howItBegins(s replay.Start) string {
	switch s.How {
	case "opened":
		return "an Open without a state"
	case "restored":
		return "a Restore"
	}
	return fmt.Sprintf("the snapshot of index %d, which the recorded plugin has saved", s.Index)
}

func versionsOf(all []replay.Version) string {
	var texts []string
	for _, v := range all {
		texts = append(texts, fmt.Sprintf("%q, version %s", v.Name, v.Version))
	}
	return strings.Join(texts, "; ")
}

func printDifference(b *strings.Builder, d *replay.Difference) {
	place := fmt.Sprintf("call %d, %s", d.Call, d.Method)
	if d.Batch > 0 {
		place += fmt.Sprintf(", batch %d", d.Batch)
	}
	if d.Entry > 0 {
		place += fmt.Sprintf(", entry %d, index %d", d.Entry, d.Index)
	}
	fmt.Fprintf(b, "DIFFERS  %s: %s\n", place, d.What)
	if d.Request != "" {
		fmt.Fprintf(b, "    request:  %s\n", d.Request)
	}
	fmt.Fprintf(b, "    recorded: %s\n    replayed: %s\n", d.Recorded, d.Replayed)
	if len(d.Before) > 0 {
		fmt.Fprintf(b, "    before it:\n")
	}
	for _, text := range d.Before {
		fmt.Fprintf(b, "        %s\n", text)
	}
}
