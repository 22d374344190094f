package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/clusterdoc"
	"github.com/pontoon-raft/pontoon/plugins"
)

// pluginInfo is the JSON of plugin describe: what a plugin says of itself.
type pluginInfo struct {
	Kind         string               `json:"kind"`
	Name         string               `json:"name"`
	Version      string               `json:"version"`
	Protocols    []uint32             `json:"protocols"`
	Capabilities []plugins.Capability `json:"capabilities"`
	Requires     []plugins.Capability `json:"requires"`
	// CommandVersions is null of a plugin that is not a state machine.
	CommandVersions *clusterdoc.CommandVersions `json:"command_versions"`
	// SnapshotFormats is null of a plugin that says none.
	SnapshotFormats *snapshotFormats `json:"snapshot_formats"`
	StateHash       string           `json:"state_hash"`
	// ConfigSchema is null of a plugin that says none.
	ConfigSchema json.RawMessage `json:"config_schema"`
	// Command and SHA256 are empty of a shipped backend.
	Command []string `json:"command"`
	SHA256  string   `json:"sha256"`
}

// snapshotFormats are the format that a state machine writes, and others that it reads.
type snapshotFormats struct {
	Written  uint32   `json:"written"`
	Readable []uint32 `json:"readable"`
}

func newPluginDescribe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "describe (--config FILE [KIND] | -- COMMAND [ARGUMENT...])",
		Short: "Show what a plugin says of itself: versions, capabilities, schema of its section",
		Long: `describe starts a plugin until it has said what it is, and ends it. The plugin is not
opened, and no data are touched. It is an executable, or what a host's configuration
names: all of its plugins, or those of one kind. An executable of a configuration must
have the sha256 that is configured; of a COMMAND the sum is shown.`,
		Example: `  host plugin describe -- ./ledger
  host plugin describe --config configs/single.yaml storage -o json`,
	}
	flags, out := addConfig(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		specs, runtimeDir, err := described(cmd, flags, given)
		if err != nil {
			return err
		}
		all, err := describeAll(cmd.Context(), specs, runtimeDir)
		if err != nil {
			return err
		}
		return out.print(cmd, map[string][]pluginInfo{"plugins": all}, func(w io.Writer) error { return printInfos(w, all) })
	}
	return cmd
}

// described are the plugins that the arguments of describe name.
func described(cmd *cobra.Command, flags *configFlags, given []string) (specs []catalog.Spec, runtimeDir string, err error) {
	dash := cmd.ArgsLenAtDash()
	switch {
	case flags.path == "" && dash != 0:
		return nil, "", &usageError{cmd.CommandPath(), "say which plugin: --config FILE, or -- COMMAND"}
	case flags.path == "" && len(given) == 0:
		return nil, "", &usageError{cmd.CommandPath(), "no command after --"}
	case flags.path == "":
		spec, err := commandSpec(given)
		return []catalog.Spec{spec}, "", err
	case dash >= 0 || len(given) > 1:
		return nil, "", &usageError{cmd.CommandPath(), "give --config with at most one KIND, or a command after --"}
	}
	c, o, err := flags.load(cmd)
	if err != nil {
		return nil, "", err
	}
	warnIgnored(cmd, o)
	if specs = pluginSpecs(&c.Host); len(given) == 0 {
		return specs, c.Host.RuntimeDir, nil
	}
	kind, err := kindOf(cmd, given[0])
	if err != nil {
		return nil, "", err
	}
	return slices.DeleteFunc(specs, func(s catalog.Spec) bool { return s.Kind != kind }), c.Host.RuntimeDir, nil
}

// kindOf is the kind of plugins that an argument names.
func kindOf(cmd *cobra.Command, word string) (plugins.Kind, error) {
	if kind := plugins.Kind(word); slices.Contains(plugins.Kinds(), kind) {
		return kind, nil
	}
	return "", &usageError{cmd.CommandPath(), fmt.Sprintf("%q is not a kind of plugin: use storage, statemachine or transport", word)}
}

// commandSpec is an executable as it is now.
func commandSpec(command []string) (spec catalog.Spec, err error) {
	spec.Command = slices.Clone(command)
	if spec.Command[0], err = filepath.Abs(command[0]); err != nil {
		return spec, err
	}
	spec.SHA256, err = catalog.SumOf(spec.Command[0])
	return spec, err
}

// describeAll asks all plugins what they are, and leaves none running.
func describeAll(ctx context.Context, specs []catalog.Spec, runtimeDir string) (all []pluginInfo, err error) {
	describe, end, err := describer(ctx, catalog.Options{RuntimeDir: runtimeDir})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	for _, spec := range specs {
		info, err := describe(spec)
		if err != nil {
			return nil, err
		}
		all = append(all, infoOf(&info, &spec))
	}
	return all, nil
}

func infoOf(info *plugins.Info, spec *catalog.Spec) pluginInfo {
	p := pluginInfo{
		Kind: string(info.Kind), Name: info.Name, Version: info.Version, Protocols: append([]uint32{}, info.Protocols...),
		Capabilities: append([]plugins.Capability{}, info.Capabilities...), Requires: append([]plugins.Capability{}, info.Requires...),
		StateHash: info.StateHash, Command: append([]string{}, spec.Command...), SHA256: spec.SHA256,
	}
	if info.Kind == plugins.StateMachine {
		p.CommandVersions = &clusterdoc.CommandVersions{Least: info.CommandVersions.Least, Greatest: info.CommandVersions.Greatest}
	}
	if f := info.SnapshotFormats; f.Written != 0 || len(f.Readable) > 0 {
		p.SnapshotFormats = &snapshotFormats{f.Written, append([]uint32{}, f.Readable...)}
	}
	if json.Valid(info.ConfigSchema) {
		p.ConfigSchema = info.ConfigSchema
	}
	return p
}

// printInfos writes what plugins say for people.
func printInfos(w io.Writer, all []pluginInfo) error {
	var b strings.Builder
	for i, p := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		if err := table(&b, func(w io.Writer) { infoRows(w, &p) }); err != nil {
			return err
		}
		if p.ConfigSchema != nil {
			fmt.Fprintf(&b, "schema of its section:\n%s", indented(printableLines(string(p.ConfigSchema))))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func infoRows(w io.Writer, p *pluginInfo) {
	row(w, "kind", p.Kind)
	row(w, "name", p.Name)
	row(w, "version", orDash(p.Version))
	row(w, "protocols", spaced(p.Protocols))
	row(w, "capabilities", orDash(spaced(p.Capabilities)))
	row(w, "requires of the host", orDash(spaced(p.Requires)))
	if v := p.CommandVersions; v != nil {
		row(w, "command versions", plugins.Versions{Least: v.Least, Greatest: v.Greatest})
	}
	if f := p.SnapshotFormats; f != nil {
		row(w, "snapshot formats", plugins.SnapshotFormats{Written: f.Written, Readable: f.Readable})
	}
	if p.Kind == string(plugins.StateMachine) {
		row(w, "state hash", orDash(p.StateHash))
	}
	if p.SHA256 != "" {
		row(w, "command", strings.Join(quoted(p.Command), " "))
		row(w, "sha256", p.SHA256)
	}
}

// spaced is a list in one cell.
func spaced[T any](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, " ")
}
