package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/maintenance"
)

func newStorageMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate --config FILE --to NAME",
		Short: "Copy a node's log and snapshots to another backend, or those of all members in turn",
		Long: `migrate copies the store of a stopped node into one of another backend, reads
both, compares them, and puts the new one in the old one's place. The old one
stays beside it, under the name that is printed, until you remove it. Then set
plugins.storage in the node's file to the new backend.

The new store has the id of the old one: the member stays the same for its peers.
So the old store must never be used again once the member has run with the new
one: the peers could not tell that it lacks what came since.

--config is the node's file as it is, with the old backend. The new one is a
shipped backend, or an executable given by --command and --sha256.

A log that was compacted begins in the copy after the oldest snapshot that it
reaches: entries before that, kept for slow followers, are not copied.

--rolling moves the stores of a cluster that serves, one member after the other, the
leader last. Each member's own file says where to: in plugins.storage.next, with the
name that --to has here. The file is read when the member is asked, so that no host
needs a restart before. A member takes no part while its store is copied, and the
next one follows when it has caught up. The command can be interrupted and run again:
members that are done are left alone. A cluster that would lose its quorum is
refused, unless --force says that it may stand still.`,
		Example: `  host storage migrate --config n1.yaml --from wal --to pebble \
    --command ./pontoon-storage-pebble --sha256 $(sha256sum ./pontoon-storage-pebble | cut -d' ' -f1)
  host storage migrate --config n1.yaml --to wal
  host storage migrate --rolling --to pebble --endpoints 127.0.0.1:7401`,
		Args: args(cobra.NoArgs),
	}
	flags, out, cluster := addOffline(cmd), addOutput(cmd), addCluster(cmd)
	rolling := cmd.Flags().Bool("rolling", false, "move the stores of a cluster that serves, one member after the other")
	force := cmd.Flags().Bool("force", false, "with --rolling: also if the cluster answers nothing meanwhile")
	var from string
	var to catalog.Spec
	cmd.Flags().StringVar(&from, "from", "", "the backend that the data has; refused if it is another")
	cmd.Flags().StringVar(&to.Name, "to", "", "the `name` of the new backend")
	cmd.Flags().StringArrayVar(&to.Command, "command", nil, "`path` of the new backend's executable; repeat for its arguments")
	cmd.Flags().StringVar(&to.SHA256, "sha256", "", "hex `digest` of the executable")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if to.Name == "" {
			return &usageError{cmd.CommandPath(), "which backend? give --to"}
		}
		if *rolling {
			return migrateRolling(cmd, cluster, out, to.Name, *force)
		}
		if _, c, err := flags.need(cmd); err == nil {
			ended, found, err := maintenance.EndMigration(c.DataDir, to.Name)
			if err != nil {
				return fmt.Errorf("an interrupted migration to %s could not be ended: %w", to.Name, err)
			}
			if found {
				return out.line(cmd, ended, "an interrupted migration is ended: %s has the copy in %s, which was compared before\n"+
					"the old store is in %s: never start a member with it once the new one has run, and remove it when you no longer want it\n"+
					"set plugins.storage to the new backend before you start the node\n", ended.Dir, ended.To, ended.Old)
			}
		}
		place, node, err := flags.needPlace(cmd)
		if err != nil {
			return err
		}
		if from != "" && from != place.Backend {
			return fmt.Errorf("%w: the data in %s is of the backend %q, not %q", maintenance.ErrRefused, place.Dir, place.Backend, from)
		}
		if to.Name == place.Backend {
			return fmt.Errorf("%w: the data in %s is of the backend %q already", maintenance.ErrRefused, place.Dir, to.Name)
		}
		target := *node
		target.Spec, target.Config = to, nil
		if to.Name == "memory" {
			return fmt.Errorf("%w: the backend memory would keep nothing", maintenance.ErrRefused)
		}
		m, err := maintenance.Migrate(cmd.Context(), place, node, target)
		if err != nil {
			return migrateError(err)
		}
		return out.line(cmd, m, "%s: %d entries [%d,%d] and %d snapshots are in %s now, and the same as in %s\n"+
			"the store keeps its id %s, so the member is the same for its peers\n"+
			"the old store, with the same id, is in %s: never start a member with it once the new one has run, and remove it when you no longer want it\n"+
			"set plugins.storage to the new backend before you start the node\n",
			m.Dir, m.Entries, m.FirstIndex, m.LastIndex, m.Snapshots, m.To, m.From, m.StoreID, m.Old)
	}
	return cmd
}

// migrateError says that nothing has changed.
func migrateError(err error) error {
	if errors.Is(err, maintenance.ErrInUse) || errors.Is(err, maintenance.ErrHalfway) {
		return err
	}
	return fmt.Errorf("the old store is as it was: %w", err)
}
