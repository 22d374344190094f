package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pluginlock"
	"github.com/pontoon-raft/pontoon/plugins"
)

func newPluginAdd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add (--catalog DIR | --config FILE) EXECUTABLE [ARGUMENT...]",
		Short: "Copy an executable into a catalog of plugins, and record its sha256",
		Long: `add copies an executable into the catalog, has the copy say what it is, and writes kind,
name, version, sha256 and arguments into plugins.lock. The copy is checked, and hosts run
the copy. The first version of a plugin is pinned: it is the one that a section
with "from: catalog" means.

A version never changes: the same bytes again change nothing, and other bytes with the
same version are refused, exit code 5. A missing or damaged file of the same version is
put back. Run the command as the user of the host, or make the directory readable for it.`,
		Example: `  host plugin add --catalog /var/lib/pontoon/plugins ./ledger
  host plugin add --config node.yaml -- ./ledger --cache 64MiB`,
		Args: args(cobra.MinimumNArgs(1)),
	}
	flags, out := addCatalog(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		c, err := flags.catalog(cmd)
		if err != nil {
			return err
		}
		e, done, err := add(cmd.Context(), c, given[0], given[1:])
		if err != nil {
			return err
		}
		shown := struct {
			pluginlock.Entry
			Result pluginlock.Added `json:"result"`
		}{e, done}
		return out.print(cmd, shown, func(w io.Writer) error {
			how := string(done)
			if e.Pinned {
				how += ", pinned"
			}
			_, err := fmt.Fprintf(w, "%s %s\nsha256 %s\n%s\n", &e, how, e.SHA256, printable(c.File(&e)))
			return err
		})
	}
	return cmd
}

// add has a copy in the catalog say what it is, and keeps it.
func add(ctx context.Context, c pluginlock.Catalog, file string, arguments []string) (e pluginlock.Entry, done pluginlock.Added, err error) {
	s, err := c.Stage(ctx, file)
	if err != nil {
		return e, "", err
	}
	defer s.Discard()
	info, err := describeStaged(ctx, s, arguments)
	if err != nil {
		return e, "", fmt.Errorf("%s is not added: %w", file, err)
	}
	return s.Commit(ctx, string(info.Kind), info.Name, info.Version, arguments)
}

// describeStaged has the copy describe itself. It refuses one that needs what this host lacks.
func describeStaged(ctx context.Context, s *pluginlock.Staged, arguments []string) (info plugins.Info, err error) {
	describe, end, err := describer(ctx, catalog.Options{})
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, end()) }()
	info, err = describe(catalog.Spec{Command: append([]string{s.Path}, arguments...), SHA256: s.SHA256})
	if err == nil && info.Version == "" {
		err = errUnversioned
	}
	return info, err
}
