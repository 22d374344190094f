package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/plugincheck"
)

// errBrokenRules is the verdict of plugin check, already printed.
var errBrokenRules = errors.New("the plugin breaks rules of the protocol")

// checkTests is the only argument of the process that runs the tests of plugin check.
const checkTests = "plugin-check-tests"

// A pluginCheck has the flags and the arguments of plugin check.
type pluginCheck struct {
	subjectFlags
	level, junit string
	logs         bool
	timeout      time.Duration
}

func newPluginCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check --kind KIND [flags] -- COMMAND [ARGUMENT...]",
		Short: "Check an executable against the plugin protocol",
		Long: `check starts an executable as a host does, with the environment, the limits and the
two carriers of streams that a host has, and runs the conformance kit of its kind
on it: from the handshake to kill -9. Each finding names the rules of the protocol
that the plugin breaks. If there are none, the last lines are what to put into a
host's configuration.

The kit of a state machine needs commands that the machine accepts. --commands has a
file with one command in each line; the kit takes them in order, again and again, and
{i} in a command stands for its number. A line may be base64:…, for commands that are
not text. --hints has a YAML file that lets the kits see more, such as a query that
shows the state. A check that lacks a hint is skipped and says which. The keys are
` + hintKeys() + `;
docs/plugins/check.md says what they mean.

The exit code is 4 if the plugin breaks a rule or does not start.`,
		Example: `  host plugin check --kind storage -- ./tape --verbose
  host plugin check --kind statemachine --commands commands.txt -- ./ledger
  host plugin check --kind statemachine --hints check.yaml --run grpc/Restore -- ./ledger`,
		Args: args(cobra.MinimumNArgs(1)),
	}
	out := addOutput(cmd)
	var p pluginCheck
	p.add(cmd)
	cmd.Flags().StringVar(&p.level, "level", string(plugincheck.Core), "how far to look: core; durability, with ten times the kills and random sequences; or performance, which also measures beside the shipped plugin")
	cmd.Flags().StringVar(&p.subject.Match, "run", "", "run only the checks whose names match this `pattern`, part by part: grpc/Snapshot")
	cmd.Flags().StringVar(&p.junit, "junit", "", "also write the results to this `file` as JUnit XML")
	cmd.Flags().DurationVar(&p.subject.Measure, "duration", 30*time.Second, "how long the level performance measures")
	cmd.Flags().DurationVar(&p.timeout, "timeout", time.Hour, "how long all checks may take; what runs then is a finding")
	cmd.Flags().BoolVar(&p.logs, "logs", false, "show what the plugin logs, on standard error")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if err := p.complete(cmd, given); err != nil {
			return err
		}
		return p.run(cmd, out)
	}
	return cmd
}

// complete reads the files and checks what can be known before the plugin is started.
func (p *pluginCheck) complete(cmd *cobra.Command, command []string) error {
	s := &p.subject
	if s.Level = plugincheck.Level(p.level); !slices.Contains(plugincheck.Levels(), s.Level) {
		return &usageError{cmd.CommandPath(), fmt.Sprintf("--level %q: use core, durability or performance", p.level)}
	}
	if cmd.Flags().Changed("duration") && s.Level != plugincheck.Performance {
		return &usageError{cmd.CommandPath(), "--duration is for --level performance: the other levels measure nothing"}
	}
	if s.Measure <= 0 || s.Measure > maxBenchTime {
		return &usageError{cmd.CommandPath(), fmt.Sprintf("--duration must be above 0 and at most %v", maxBenchTime)}
	}
	if err := p.subjectFlags.complete(cmd, command); err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return &usageError{cmd.CommandPath(), err.Error()}
	}
	return nil
}

// hintKeys are the keys of hints, in lines.
func hintKeys() string {
	keys := plugincheck.HintKeys()
	return strings.Join(keys[:len(keys)/2], ", ") + ",\n" + strings.Join(keys[len(keys)/2:], ", ")
}

func (p *pluginCheck) run(cmd *cobra.Command, out *format) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	line, done := newProgress(cmd.ErrOrStderr()), 0
	runner := plugincheck.Runner{
		Command: func(ctx context.Context) *exec.Cmd {
			return exec.CommandContext(ctx, own, checkTests)
		},
		Timeout: p.timeout,
		Progress: func(c *plugincheck.Check) {
			done++
			line.show("%d checks, %s", done, c.Name)
		},
	}
	if p.logs {
		runner.Logs = cmd.ErrOrStderr()
	}
	report, err := runner.Run(cmd.Context(), p.subject)
	line.clear()
	if err != nil {
		return err
	}
	if sum, err := catalog.SumOf(p.subject.Command[0]); err != nil || sum != p.subject.SHA256 {
		return errors.Join(fmt.Errorf("%s changed while it was checked: check it again", p.subject.Command[0]), err)
	}
	if p.junit != "" {
		if err := writeJUnit(p.junit, report); err != nil {
			return err
		}
	}
	if err := out.print(cmd, report, func(w io.Writer) error { return printCheck(w, report) }); err != nil {
		return err
	}
	if !report.Conforms() {
		return errBrokenRules
	}
	return nil
}

// printCheck writes a report for people.
func printCheck(w io.Writer, r *plugincheck.Report) error {
	var b strings.Builder
	for _, c := range r.Checks {
		if c.Outcome == plugincheck.Failed || c.Outcome == plugincheck.Ended {
			printFinding(&b, c)
		}
	}
	for _, c := range r.Checks {
		if c.Outcome == plugincheck.Advised {
			fmt.Fprintf(&b, "ADVICE   %s\n%s\n", c.Name, indented(c.Output))
		}
	}
	printSkipped(&b, r.Checks)
	printMeasured(&b, r.Checks)
	fmt.Fprintf(&b, "%s %q, version %s: %d checks passed, %d failed, %d with advice, %d skipped, in %.0f s\n", r.Kind, r.Name, r.Version,
		r.Count(plugincheck.Passed), r.Count(plugincheck.Failed)+r.Count(plugincheck.Ended), r.Count(plugincheck.Advised), r.Count(plugincheck.Skipped), r.Seconds)
	if r.Conforms() {
		fmt.Fprintf(&b, "\nFor a host's configuration:\n\n    plugins:\n      %s:\n        name: %s\n        command: [%s]\n        sha256: %s\n",
			r.Kind, r.Name, strings.Join(quoted(r.Command), ", "), r.SHA256)
	}
	_, err := io.WriteString(w, printableLines(b.String()))
	return err
}

func printFinding(b *strings.Builder, c *plugincheck.Check) {
	fmt.Fprintf(b, "FINDING  %s\n%s", c.Name, indented(c.Output))
	for _, r := range c.Rules {
		fmt.Fprintf(b, "    %s in %s: %s\n", r.Number, r.Page, r.Text)
	}
	b.WriteString("\n")
}

// printSkipped lists the reasons why checks were skipped, each with their number.
func printSkipped(b *strings.Builder, checks []*plugincheck.Check) {
	counts := map[string]int{}
	for _, c := range checks {
		if c.Outcome == plugincheck.Skipped {
			counts[plugincheck.Reason(c.Output)]++
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(b, "SKIPPED  %d checks: %s\n", counts[reason], reason)
	}
	if len(counts) > 0 {
		b.WriteString("\n")
	}
}

// printMeasured shows what a check of the level performance has measured.
func printMeasured(b *strings.Builder, checks []*plugincheck.Check) {
	for _, c := range checks {
		name, found := strings.CutPrefix(c.Name, string(plugincheck.Performance)+"/")
		if found && c.Outcome == plugincheck.Passed {
			fmt.Fprintf(b, "MEASURED %s: %s\n", strings.ReplaceAll(name, "_", " "), plugincheck.Reason(c.Output))
		}
	}
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}

// quoted are texts as elements of a list in YAML.
func quoted(texts []string) (all []string) {
	for _, text := range texts {
		all = append(all, fmt.Sprintf("%q", text))
	}
	return all
}
