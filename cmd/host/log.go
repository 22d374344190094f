package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/maintenance"
)

// errDamaged is the verdict of a check of a store, already printed.
var errDamaged = errors.New("the store is damaged")

func newLogInspect() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect --data-dir DIR",
		Short: "Show the segments of a log",
		Long: `inspect shows the id of the store, by which its peers know the member, and each
file of the log: its records, the entries in them, and how
many stretches of bytes are no records. One such stretch at the end of the last
file may be a torn tail, which is no damage: "host log verify" tells.
Nothing is changed. It works on the backend wal.`,
		Example: `  host log inspect --data-dir ./data/n1
  host log inspect --config configs/local3/n1.yaml -o json`,
		Args: args(cobra.NoArgs),
	}
	flags, out := addOffline(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		place, _, err := flags.place(cmd)
		if err != nil {
			return err
		}
		segments, store, err := maintenance.Segments(place)
		if err != nil {
			return err
		}
		return out.print(cmd, map[string]any{"dir": place.Dir, "store_id": store, "segments": segments}, func(w io.Writer) error {
			if _, err := fmt.Fprintf(w, "store %s\n", cmp.Or(store, "unknown: its file identity cannot be read")); err != nil {
				return err
			}
			return table(w, func(w io.Writer) {
				row(w, "FILE", "BYTES", "USED", "RECORDS", "SEQUENCE", "ENTRIES", "INDEX", "UNREADABLE")
				for _, s := range segments {
					state := fmt.Sprint(s.Unreadable)
					if s.Prepared {
						state = "prepared"
					}
					row(w, s.Name, s.Bytes, s.Used, s.Records, span(s.FirstSeq, s.LastSeq), s.Entries, span(s.FirstIndex, s.LastIndex), state)
				}
			})
		})
	}
	return cmd
}

func span(first, last uint64) string {
	if last == 0 {
		return "-"
	}
	return fmt.Sprintf("%d-%d", first, last)
}

func newLogDump() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dump --data-dir DIR",
		Short: "Show the records of a log, one by one",
		Long: `dump shows every record of the log in the order in which it was written,
superseded ones included, and what is unreadable between them. It goes on
behind damage. Nothing is changed. It works on the backend wal.`,
		Example: `  host log dump --data-dir ./data/n1
  host log dump --data-dir ./data/n1 --from 1000 --to 1010 --entries
  host log dump --data-dir ./data/n1 --entries -o json`,
		Args: args(cobra.NoArgs),
	}
	flags, out := addOffline(cmd), addOutput(cmd)
	var filter maintenance.Filter
	cmd.Flags().Uint64Var(&filter.From, "from", 0, "only records with entries from this `index` on")
	cmd.Flags().Uint64Var(&filter.To, "to", 0, "only records with entries up to this `index`")
	cmd.Flags().BoolVar(&filter.Entries, "entries", false, "show the entries too")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		place, _, err := flags.place(cmd)
		if err != nil {
			return err
		}
		w := cmd.OutOrStdout()
		if *out == formatJSON {
			return dumpJSON(w, place, filter)
		}
		var dumped error
		err = table(w, func(w io.Writer) { dumped = dumpTable(w, place, filter) })
		return errors.Join(dumped, err)
	}
	return cmd
}

// dumpJSON writes one document, record by record: a log need not fit into
// memory.
func dumpJSON(w io.Writer, place maintenance.Place, filter maintenance.Filter) error {
	separator := `{"records": [`
	err := maintenance.Records(place, filter, func(r maintenance.Record) error {
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n  %s", separator, b)
		separator = ","
		return err
	})
	if err != nil {
		return err
	}
	if strings.HasPrefix(separator, "{") {
		fmt.Fprint(w, separator)
	}
	_, err = fmt.Fprintln(w, "\n]}")
	return err
}

func dumpTable(w io.Writer, place maintenance.Place, filter maintenance.Filter) error {
	row(w, "FILE", "OFFSET", "BYTES", "SEQ", "KIND", "INDEX", "TERM", "NOTE")
	return maintenance.Records(place, filter, func(r maintenance.Record) error {
		row(w, r.Segment, r.Offset, r.Bytes, r.Seq, r.Kind, r.Index, r.Term, orDash(r.Note()))
		for _, e := range r.Entries {
			row(w, "", "", e.Bytes, "", "entry "+e.Type, e.Index, e.Term, readable(e.Data))
		}
		return nil
	})
}

func newLogVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify --data-dir DIR",
		Short: "Check a log as its backend would, and read all of it",
		Long: `verify opens the store as the backend does when the host starts, and reads
every entry. Exit code 0 says that the node would start with all of it; 4 that
it is damaged, with file, offset and the way out.

LAST TERM is the term of the last entry, TERM the one in which the node voted last.
Of two members' logs the one with the larger LAST TERM goes further, and of those
with the same one the longer.

A log of the backend wal is not changed: what opening would write stays in
memory. Other backends are opened by their plugin, which --config names, and
recover on the way.`,
		Example: `  host log verify --data-dir ./data/n1
  host log verify --config n1.yaml -o json`,
		Args: args(cobra.NoArgs),
	}
	flags, out := addOffline(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		place, node, err := flags.place(cmd)
		if err != nil {
			return err
		}
		v, err := maintenance.VerifyLog(cmd.Context(), place, node)
		if err != nil {
			return err
		}
		if err := out.print(cmd, v, func(w io.Writer) error { return logVerdict(w, v) }); err != nil {
			return err
		}
		return verdictError(v)
	}
	return cmd
}

func logVerdict(w io.Writer, v maintenance.Verdict) error {
	for _, n := range v.Notes {
		fmt.Fprintln(w, "note:", printable(n))
	}
	if v.Problem != "" {
		_, err := fmt.Fprintf(w, "%s: DAMAGED\n%s\n", v.Dir, v.Problem)
		return err
	}
	return table(w, func(w io.Writer) {
		row(w, "BACKEND", "LOG", "ENTRIES", "BYTES", "LAST TERM", "TERM", "VOTE", "COMMIT", "SNAPSHOTS", "VERDICT")
		row(w, v.Backend, fmt.Sprintf("[%d,%d]", v.FirstIndex, v.LastIndex), v.Entries, v.DataBytes, v.LastTerm, v.Term, v.Vote, v.Commit, len(v.Snapshots), "sound")
	})
}
