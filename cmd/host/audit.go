package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/audit"
)

func newAuditVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify DIR | FILE…",
		Short: "Check that nothing of an audit was changed, removed or moved",
		Long: `verify reads the files of an audit, all of a directory or those that are named,
and checks that they are one chain. DIR is the directory of the audit or the data
directory of a member. Exit code 0 says that the chain is sound; 4 that it is not, with
the first bad line and the reason. It works beside a host that runs, and on copies.

A chain alone says nothing of records that were cut off at its end, and without a key
nothing of a chain that was written anew as a whole. Give with --head a head that was
noted elsewhere: the host's log has one at each start, each rotation and each hour.`,
		Example: `  host audit verify ./data/n1
  host audit verify ./data/n1/audit --head 1274:9f0c…
  host audit verify --key-file audit.key audit-0000000003.jsonl audit-0000000004.jsonl -o json`,
		Args: args(cobra.MinimumNArgs(1)),
	}
	out := addOutput(cmd)
	var head string
	var keyFiles []string
	cmd.Flags().StringVar(&head, "head", "", "`number:sum` of a record that was noted elsewhere")
	cmd.Flags().StringArrayVar(&keyFiles, "key-file", nil, "`file` with a key of the sums; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, places []string) error {
		check := audit.Check{}
		var err error
		if check.Head, err = parseHead(cmd, head); err != nil {
			return err
		}
		for _, path := range keyFiles {
			key, err := audit.ReadKey(path)
			if err != nil {
				return err
			}
			check.Keys = append(check.Keys, key)
		}
		files, err := auditFiles(places, &check)
		if err != nil {
			return err
		}
		v, err := audit.Verify(files, check)
		if err != nil {
			return err
		}
		if err := out.print(cmd, v, func(w io.Writer) error { return auditVerdict(w, v) }); err != nil {
			return err
		}
		if !v.Sound {
			return fmt.Errorf("%w: %s", errDamaged, places[0])
		}
		return nil
	}
	return cmd
}

// parseHead reads a head as a host's log has it; nil if there is none.
func parseHead(cmd *cobra.Command, text string) (*audit.Position, error) {
	if text == "" {
		return nil, nil
	}
	digits, sum, _ := strings.Cut(text, ":")
	var p audit.Position
	n, err := strconv.ParseUint(digits, 10, 64)
	b, hexErr := hex.DecodeString(sum)
	if err != nil || hexErr != nil || len(b) != len(p.Sum) {
		return nil, &usageError{cmd.CommandPath(), fmt.Sprintf("--head %q is not number:sum, as the host's log has it", text)}
	}
	p.Number = n
	copy(p.Sum[:], b)
	return &p, nil
}

// auditFiles are the files at places: those of one directory, or each one named.
func auditFiles(places []string, check *audit.Check) ([]audit.Source, error) {
	if len(places) == 1 {
		if dir, ok := auditDir(places[0]); ok {
			check.Directory = true
			return audit.Files(dir)
		}
	}
	var files []audit.Source
	for _, p := range places {
		files = append(files, audit.File(p))
	}
	return files, nil
}

// auditDir is the directory of the audit that a path stands for, if it is one: the
// path itself, or the folder of a data directory.
func auditDir(path string) (string, bool) {
	isDir := func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.IsDir()
	}
	if in := filepath.Join(path, "audit"); isDir(in) {
		return in, true
	}
	return path, isDir(path)
}

func auditVerdict(w io.Writer, v audit.Verdict) error {
	for _, n := range v.Notes {
		fmt.Fprintln(w, "note:", printable(n))
	}
	if b := v.Bad; b != nil {
		fmt.Fprintf(w, "%d sound records in %d files, the last is %s\n", v.Records, v.Files, orDash(v.Head))
		_, err := fmt.Fprintf(w, "DAMAGED: %s, line %d, offset %d: %s\n", printable(orDash(b.File)), b.Line, b.Offset, printable(b.Why))
		return err
	}
	return table(w, func(w io.Writer) {
		row(w, "FILES", "RECORDS", "FIRST", "LAST", "DROPPED", "OPEN INTENTS", "VERDICT")
		row(w, v.Files, v.Records, v.First, v.Last, v.Dropped, v.Open, "sound")
		row(w, "")
		row(w, "head "+v.Head)
	})
}
