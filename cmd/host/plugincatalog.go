package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/pluginlock"
)

// catalogFlags say which catalog of plugins a command is about.
type catalogFlags struct {
	*configFlags
	dir string
}

func addCatalog(cmd *cobra.Command) *catalogFlags {
	f := &catalogFlags{configFlags: addConfig(cmd)}
	cmd.Flags().StringVar(&f.dir, "catalog", "", "`directory` of the catalog, instead of plugins.catalog of a configuration")
	_ = cmd.MarkFlagDirname("catalog")
	return f
}

// catalog is the one that the flags name.
func (f *catalogFlags) catalog(cmd *cobra.Command) (pluginlock.Catalog, error) {
	dir := f.dir
	switch {
	case dir != "" && f.path != "":
		return pluginlock.Catalog{}, &usageError{cmd.CommandPath(), "give --catalog or --config, not both"}
	case dir == "" && f.path == "":
		return pluginlock.Catalog{}, &usageError{cmd.CommandPath(), "which catalog? give --catalog DIRECTORY, or --config FILE"}
	case dir == "":
		c, o, err := f.load(cmd)
		if err != nil {
			return pluginlock.Catalog{}, err
		}
		warnIgnored(cmd, o)
		dir = c.Catalog()
	}
	return pluginlock.At(dir)
}

func newPluginVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify (--catalog DIR | --config FILE)",
		Short: "Show what a catalog of plugins has, and compare each file with its lock",
		Long: `verify reads the file of each version that plugins.lock names, and compares its size
and sha256. It names each difference, and files that the lock does not name; exit code
4 then. Beside another command, the files of which look the same, it names none; exit
code 6 then. PINNED is the version that a section with "from: catalog" means.`,
		Example: `  host plugin verify --catalog /var/lib/pontoon/plugins`,
		Args:    args(cobra.NoArgs),
	}
	flags, out := addCatalog(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := flags.catalog(cmd)
		if err != nil {
			return err
		}
		entries, differences, err := c.Verify(cmd.Context())
		if err != nil {
			return err
		}
		shown := struct {
			Plugins     []pluginlock.Entry      `json:"plugins"`
			Differences []pluginlock.Difference `json:"differences"`
		}{append([]pluginlock.Entry{}, entries...), append([]pluginlock.Difference{}, differences...)}
		if err := out.rows(cmd, shown, func(w io.Writer) { catalogRows(w, entries) }); err != nil {
			return err
		}
		for _, d := range differences {
			fmt.Fprintln(cmd.ErrOrStderr(), "host:", printable(d.Path+": "+d.Text))
		}
		if len(differences) > 0 {
			return errDamaged
		}
		return nil
	}
	return cmd
}

func catalogRows(w io.Writer, entries []pluginlock.Entry) {
	row(w, "KIND", "NAME", "VERSION", "SHA256", "SIZE", "PINNED")
	for i := range entries {
		e := &entries[i]
		pinned := "-"
		if e.Pinned {
			pinned = "pinned"
		}
		row(w, e.Kind, e.Name, e.Version, e.SHA256, e.Size, pinned)
	}
}

func newPluginPin() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pin (--catalog DIR | --config FILE) KIND NAME (VERSION|SHA256 | --none)",
		Short: "Choose the version of a plugin that configurations mean",
		Long: `pin writes into plugins.lock which version a section with "from: catalog" means, after
a look at its file. A host that runs goes on with what it has, until host plugin upgrade
or a restart. SHA256 are at least the first 8 digits of the sum.`,
		Example: `  host plugin pin --catalog /var/lib/pontoon/plugins statemachine ledger 1.3.0`,
		Args:    args(cobra.RangeArgs(2, 3)),
	}
	flags, out := addCatalog(cmd), addOutput(cmd)
	none := cmd.Flags().Bool("none", false, "have no version in use, so that all can be removed")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if *none == (len(given) == 3) {
			return &usageError{cmd.CommandPath(), "give a version, or --none"}
		}
		return flags.change(cmd, given, func(c pluginlock.Catalog, kind, name, which string) (e pluginlock.Entry, err error) {
			if *none {
				return c.Unpin(kind, name)
			}
			return c.Pin(cmd.Context(), kind, name, which)
		}, func(e *pluginlock.Entry) error {
			done := "pinned"
			if *none {
				done = "no longer pinned"
			}
			return out.line(cmd, e, "%s %s\n", e, done)
		})
	}
	return cmd
}

func newPluginRemove() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove (--catalog DIR | --config FILE) KIND NAME VERSION|SHA256",
		Short: "Remove one version of a plugin from a catalog",
		Long: `remove takes a version out of plugins.lock, and removes its file. It refuses a version
that is pinned, exit code 5, and one that a host on this machine runs, exit code 6.`,
		Example: `  host plugin remove --catalog /var/lib/pontoon/plugins statemachine ledger 1.2.0`,
		Args:    args(cobra.ExactArgs(3)),
	}
	flags, out := addCatalog(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		return flags.change(cmd, given, pluginlock.Catalog.Remove, func(e *pluginlock.Entry) error {
			return out.line(cmd, e, "%s removed\n", e)
		})
	}
	return cmd
}

// change does something with the version that the arguments name, and says so.
func (f *catalogFlags) change(cmd *cobra.Command, given []string,
	do func(c pluginlock.Catalog, kind, name, which string) (pluginlock.Entry, error), say func(*pluginlock.Entry) error,
) error {
	kind, err := kindOf(cmd, given[0])
	if err != nil {
		return err
	}
	c, err := f.catalog(cmd)
	if err != nil {
		return err
	}
	e, err := do(c, string(kind), given[1], append(given, "")[2])
	if err != nil {
		return err
	}
	return say(&e)
}

// errUnversioned: a catalog keeps versions, and the plugin has none.
var errUnversioned = errors.New("it says no version of itself, and a catalog keeps versions: give the build one")
