package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/maintenance"
)

func newSnapshotList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list --data-dir DIR",
		Short: "List the snapshots of a node",
		Long: `list shows the snapshots that a node would use, oldest first. One whose header
or trailer is damaged is not among them and is reported on standard error.`,
		Example: `  host snapshot list --data-dir ./data/n1
  host snapshot list --config configs/local3/n1.yaml -o json`,
		Args: args(cobra.NoArgs),
	}
	flags, out := addOffline(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		place, node, err := flags.place(cmd)
		if err != nil {
			return err
		}
		s, err := maintenance.OpenToRead(cmd.Context(), place, node)
		if err != nil {
			return err
		}
		for _, n := range s.Notes {
			fmt.Fprintln(cmd.ErrOrStderr(), "host:", n)
		}
		snapshots := s.Snapshots()
		if err := s.Release(); err != nil {
			return err
		}
		return out.print(cmd, map[string]any{"snapshots": snapshots}, func(w io.Writer) error {
			return snapshotTable(w, snapshots, false)
		})
	}
	return cmd
}

func snapshotTable(w io.Writer, snapshots []maintenance.SnapshotVerdict, verdicts bool) error {
	return table(w, func(w io.Writer) {
		head := []any{"INDEX", "TERM", "BYTES", "VOTERS", "LEARNERS"}
		if verdicts {
			head = append(head, "VERDICT")
		}
		row(w, head...)
		for _, s := range snapshots {
			cells := []any{s.Index, s.Term, s.Bytes, list(s.Voters), list(s.Learners)}
			if verdicts {
				verdict := "sound"
				if !s.Sound {
					verdict = s.Problem
				}
				cells = append(cells, verdict)
			}
			row(w, cells...)
		}
	})
}

func newSnapshotVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify --data-dir DIR [INDEX]",
		Short: "Read the snapshots of a node and check their checksums",
		Long: `verify reads all of every snapshot, or of the one at INDEX, and compares the
checksums. Exit code 4 if one is damaged.`,
		Example: `  host snapshot verify --data-dir ./data/n1
  host snapshot verify --data-dir ./data/n1 100000`,
		Args: args(cobra.MaximumNArgs(1)),
	}
	flags, out := addOffline(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		index, err := indexArgument(cmd, given)
		if err != nil {
			return err
		}
		place, node, err := flags.place(cmd)
		if err != nil {
			return err
		}
		v, err := maintenance.VerifySnapshots(cmd.Context(), place, node, index)
		if err != nil {
			return err
		}
		if len(v.Snapshots) == 0 && index != 0 {
			return fmt.Errorf("%w at %d", maintenance.ErrNoSnapshot, index)
		}
		for _, n := range v.Notes {
			fmt.Fprintln(cmd.ErrOrStderr(), "host:", n)
		}
		if err := out.print(cmd, v, func(w io.Writer) error { return snapshotTable(w, v.Snapshots, true) }); err != nil {
			return err
		}
		return verdictError(v)
	}
	return cmd
}

// indexArgument is the snapshot that an optional argument names; 0 for none.
func indexArgument(cmd *cobra.Command, given []string) (uint64, error) {
	if len(given) == 0 {
		return 0, nil
	}
	index, err := strconv.ParseUint(given[0], 10, 64)
	if err != nil || index == 0 {
		return 0, &usageError{cmd.CommandPath(), fmt.Sprintf("%q is not the index of a snapshot", given[0])}
	}
	return index, nil
}

func newSnapshotExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export --data-dir DIR --to FILE [INDEX]",
		Short: "Copy a snapshot into a file of its own",
		Long: `export writes the newest snapshot, or the one at INDEX, with a checksum into a
file that must not exist yet: a backup that "host snapshot restore" reads.`,
		Example: `  host snapshot export --data-dir ./data/n1 --to backup.pontoon`,
		Args:    args(cobra.MaximumNArgs(1)),
	}
	flags, out := addOffline(cmd), addOutput(cmd)
	to := cmd.Flags().String("to", "", "the new `file`")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		index, err := indexArgument(cmd, given)
		if err != nil {
			return err
		}
		if *to == "" {
			return &usageError{cmd.CommandPath(), "where to? give --to"}
		}
		place, node, err := flags.place(cmd)
		if err != nil {
			return err
		}
		s, err := maintenance.ExportSnapshot(cmd.Context(), place, node, index, *to)
		if err != nil {
			return err
		}
		return out.line(cmd, map[string]any{"file": *to, "snapshot": s}, "snapshot %d of %d bytes is in %s\n", s.Index, s.Bytes, *to)
	}
	return cmd
}
