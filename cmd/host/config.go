package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/hostconfig"
)

// configFlags are the flags that say what a host's configuration is.
type configFlags struct {
	path    string
	dataDir string
	set     []string
}

func addConfig(cmd *cobra.Command) *configFlags {
	f := &configFlags{}
	cmd.Flags().StringVarP(&f.path, "config", "c", "", "the host's YAML `file`")
	cmd.Flags().StringVar(&f.dataDir, "data-dir", "", "`directory` of the node's data, instead of node.data_dir")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "set one value, as in --set raft.tick=50ms; may be repeated (`key=value`)")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	_ = cmd.MarkFlagDirname("data-dir")
	return f
}

// load reads the configuration that the flags name.
func (f *configFlags) load(cmd *cobra.Command) (*hostconfig.Config, *hostconfig.Origins, error) {
	if f.path == "" {
		return nil, nil, &usageError{cmd.CommandPath(), "no configuration file: give --config"}
	}
	flags := map[string]string{}
	for _, s := range f.set {
		key, text, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, nil, &usageError{cmd.CommandPath(), fmt.Sprintf("--set %s: write key=value", s)}
		}
		if before, again := flags[key]; again && hostconfig.FlagAdds(key) {
			text = before + "," + text
		}
		flags[key] = text
	}
	if cmd.Flags().Changed("data-dir") {
		flags["node.data_dir"] = f.dataDir
	}
	c, o, err := hostconfig.Load(f.path, flags, os.Environ())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &usageError{cmd.CommandPath(), err.Error()}
	}
	return c, o, err
}

func newConfigValidate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate --config FILE",
		Short: "Check a configuration without starting a host",
		Long: `validate reads the file, the environment and the flags as serve would, and
reports everything that is wrong with file, line and what to write instead.
Certificates, keys and authorities are read: each must be there, fit the others,
and be valid today. Executables of others must have the sha256 that is configured,
and are started until they have said what they are. The section of each plugin is
judged by the JSON Schema that the plugin announces; the plugin may find more when
it opens.`,
		Example: `  host config validate --config configs/single.yaml`,
		Args:    args(cobra.NoArgs),
	}
	flags := addConfig(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, o, err := flags.load(cmd)
		if err != nil {
			return err
		}
		warnIgnored(cmd, o)
		if err := checkNamedFiles(c, o); err != nil {
			return err
		}
		notes, err := checkPlugins(cmd.Context(), flags.path, c)
		for _, note := range notes {
			fmt.Fprintln(cmd.ErrOrStderr(), "host:", printableLines(note))
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: valid\n", flags.path)
		return err
	}
	return cmd
}

// warnIgnored says which variables look as if they were ours and are not.
func warnIgnored(cmd *cobra.Command, o *hostconfig.Origins) {
	for _, name := range o.Ignored() {
		note(cmd, "%s names no setting and is ignored", name)
	}
}

// shownSetting is one value in the JSON of config show.
type shownSetting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
	Place  string `json:"place"`
}

func newConfigShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show --config FILE",
		Short: "Show every value that a host would use",
		Long: `show prints the configuration as serve would use it: flags, then environment,
then file, then defaults. With --origin it says where each value comes from.`,
		Example: `  host config show --config configs/single.yaml --origin
  PONTOON_RAFT_TICK=50ms host config show --config configs/single.yaml --origin`,
		Args: args(cobra.NoArgs),
	}
	flags, out := addConfig(cmd), addOutput(cmd)
	origin := cmd.Flags().Bool("origin", false, "show where each value comes from")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		_, o, err := flags.load(cmd)
		if err != nil {
			return err
		}
		warnIgnored(cmd, o)
		return out.rows(cmd, shown(o), func(w io.Writer) { settingRows(w, o, *origin) })
	}
	return cmd
}

func shown(o *hostconfig.Origins) map[string][]shownSetting {
	settings := []shownSetting{}
	for _, e := range o.Entries() {
		settings = append(settings, shownSetting{e.Key, e.Value, string(e.Origin.Source), e.Origin.Place})
	}
	return map[string][]shownSetting{"settings": settings}
}

func settingRows(w io.Writer, o *hostconfig.Origins, origin bool) {
	head := []any{"KEY", "VALUE"}
	if origin {
		head = append(head, "ORIGIN")
	}
	row(w, head...)
	for _, e := range o.Entries() {
		cells := []any{e.Key, orDash(e.Value)}
		if origin {
			cells = append(cells, e.Origin)
		}
		row(w, cells...)
	}
}
