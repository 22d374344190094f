package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/plugincheck"
	"github.com/pontoon-raft/pontoon/plugins"
)

// subjectFlags say which executable a command starts as a plugin, and what it must know of it.
type subjectFlags struct {
	subject               plugincheck.Subject
	kind, commands, hints string
}

func (p *subjectFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.kind, "kind", "", "`kind` of the plugin: storage, statemachine or transport")
	cmd.Flags().StringVar(&p.commands, "commands", "", "`file` with commands of the state machine, one in a line")
	cmd.Flags().StringVar(&p.hints, "hints", "", "YAML `file` that says more of the plugin")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{"storage", "statemachine", "transport"}, cobra.ShellCompDirectiveNoFileComp))
}

// complete reads the files, and sums the executable.
func (p *subjectFlags) complete(cmd *cobra.Command, command []string) (err error) {
	s := &p.subject
	if s.Kind = plugins.Kind(p.kind); !slices.Contains(plugins.Kinds(), s.Kind) {
		return &usageError{cmd.CommandPath(), fmt.Sprintf("--kind %q: use storage, statemachine or transport", p.kind)}
	}
	if p.hints != "" {
		text, err := readFile(p.hints)
		if err != nil {
			return err
		}
		if s.Hints, err = plugincheck.ReadHints(text); err != nil {
			return &usageError{cmd.CommandPath(), p.hints + ": " + err.Error()}
		}
	}
	if p.commands != "" {
		if s.Hints.Commands, err = readCommands(p.commands); err != nil {
			return &usageError{cmd.CommandPath(), err.Error()}
		}
	}
	if s.Kind != plugins.StateMachine && len(s.Hints.Commands) > 0 {
		return &usageError{cmd.CommandPath(), fmt.Sprintf("commands are for a state machine, and this is a %s: leave out --commands, and commands in the hints", s.Kind)}
	}
	spec, err := commandSpec(command)
	s.Command, s.SHA256 = spec.Command, spec.SHA256
	return err
}
