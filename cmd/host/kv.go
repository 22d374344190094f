package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// kvEntry is one key in JSON. Bytes that are not text are in the fields with
// base64.
type kvEntry struct {
	Key            string `json:"key"`
	KeyBase64      string `json:"key_base64,omitempty"`
	Value          string `json:"value"`
	ValueBase64    string `json:"value_base64,omitempty"`
	CreateRevision uint64 `json:"create_revision"`
	ModRevision    uint64 `json:"mod_revision"`
	Version        uint64 `json:"version"`
	Expires        string `json:"expires,omitempty"`
}

func entryOf(e kv.Entry) kvEntry {
	shown := kvEntry{CreateRevision: e.CreateRevision, ModRevision: e.ModRevision, Version: e.Version}
	if !e.Expires.IsZero() {
		shown.Expires = e.Expires.UTC().Format(time.RFC3339Nano)
	}
	shown.Key, shown.KeyBase64 = textOf(e.Key)
	shown.Value, shown.ValueBase64 = textOf(e.Value)
	return shown
}

// kvWritten is the JSON of put and delete.
type kvWritten struct {
	Revision uint64 `json:"revision"`
	Deleted  uint64 `json:"deleted"`
}

func newKVPut() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put KEY [VALUE|-]",
		Short: "Set a key",
		Long: `put sets a key to a value, or to what standard input holds. It returns when
the write is durable on a majority. With --if-revision it sets the key only if
the last write to it was at that revision (0: if there is no such key), and
exits with 5 if it was not. With --ttl the key expires so long after the time of
the write in the log; without, it stays, whatever its last write said.`,
		Example: `  host kv put greeting hello
  host kv put photo - < photo.jpg
  host kv put lock me --if-revision 0 --ttl 30s`,
		Args: args(cobra.RangeArgs(1, 2)),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	revision := cmd.Flags().Uint64("if-revision", 0, "set it only if its last write was at this `revision`")
	ttl := cmd.Flags().Duration("ttl", 0, "the key expires after this `duration`")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if cmd.Flags().Changed("ttl") && *ttl <= 0 {
			return &usageError{cmd.CommandPath(), fmt.Sprintf("--ttl is %v, and must be above 0", *ttl)}
		}
		value, err := readData(cmd, given[1:])
		if err != nil {
			return err
		}
		key := []byte(given[0])
		command := kv.EncodePutTTL(key, value, *ttl)
		conditional := cmd.Flags().Changed("if-revision")
		if conditional {
			command = kv.EncodeCompareAndSetTTL(key, *revision, value, *ttl)
		}
		return flags.with(cmd, func(c *client.Client) error {
			r, err := kvStore{c}.command(cmd.Context(), command)
			if err != nil {
				return err
			}
			if conditional && !r.Succeeded {
				return fmt.Errorf("%s: %w: %s", readable(key), errPrecondition, found(r.Current))
			}
			return out.line(cmd, kvWritten{Revision: r.Revision}, "revision %d\n", r.Revision)
		})
	}
	return cmd
}

// found says what a refused write met.
func found(e *kv.Entry) string {
	if e == nil {
		return "there is no such key"
	}
	return fmt.Sprintf("its last write was at revision %d", e.ModRevision)
}

func newKVGet() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Print a key's value, byte for byte; exit with 5 if there is no such key",
		Example: `  host kv get greeting
  host kv get photo > photo.jpg
  host kv get greeting -o json`,
		Args: args(cobra.ExactArgs(1)),
	}
	flags, out, stale := addCluster(cmd), addOutput(cmd), addConsistency(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		return flags.with(cmd, func(c *client.Client) error {
			e, err := kvStore{c}.get(cmd.Context(), []byte(given[0]), level(*stale))
			if err != nil {
				return err
			}
			if e == nil {
				return fmt.Errorf("key %s: %w", readable([]byte(given[0])), errNotFound)
			}
			return out.print(cmd, entryOf(*e), func(w io.Writer) error { return writeData(w, e.Value) })
		})
	}
	return cmd
}

func newKVDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete KEY [END]",
		Short: "Delete a key, or all keys from KEY up to but not including END",
		Example: `  host kv delete greeting
  host kv delete user/ user0`,
		Args: args(cobra.RangeArgs(1, 2)),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		command := kv.EncodeDelete([]byte(given[0]))
		if len(given) == 2 {
			command = kv.EncodeDeleteRange([]byte(given[0]), []byte(given[1]))
		}
		return flags.with(cmd, func(c *client.Client) error {
			r, err := kvStore{c}.command(cmd.Context(), command)
			if err != nil {
				return err
			}
			err = out.line(cmd, kvWritten{r.Revision, r.Deleted}, "deleted %d\n", r.Deleted)
			if err == nil && r.Deleted == 0 {
				err = fmt.Errorf("key %s: %w", readable([]byte(given[0])), errNotFound)
			}
			return err
		})
	}
	return cmd
}

func newKVRange() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "range [START [END]]",
		Short: "List keys in order, from START up to but not including END",
		Example: `  host kv range
  host kv range --prefix user/ --keys-only
  host kv range a m --limit 10 -o json`,
		Args: args(cobra.MaximumNArgs(2)),
	}
	flags, out, stale := addCluster(cmd), addOutput(cmd), addConsistency(cmd)
	prefix := cmd.Flags().String("prefix", "", "list the keys that begin with `text`, instead of START and END")
	limit := cmd.Flags().Uint32("limit", 1000, "list at most this many keys; 0 for all")
	keysOnly := cmd.Flags().Bool("keys-only", false, "leave the values out")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		r, err := rangeOf(given, *prefix)
		if err != nil {
			return &usageError{cmd.CommandPath(), err.Error()}
		}
		r.KeysOnly = *keysOnly
		return flags.with(cmd, func(c *client.Client) error {
			page, err := kvStore{c}.all(cmd.Context(), r, *limit, level(*stale))
			if err != nil {
				return err
			}
			if page.More && *out == formatTable {
				note(cmd, "there are more keys than --limit %d", *limit)
			}
			return out.print(cmd, rangeJSON(page), func(w io.Writer) error { return rangeTable(w, page, *keysOnly) })
		})
	}
	return cmd
}

func rangeOf(given []string, prefix string) (kv.Range, error) {
	var r kv.Range
	if prefix != "" {
		if len(given) > 0 {
			return r, errors.New("give --prefix or START and END, not both")
		}
		return kv.Range{Key: []byte(prefix), End: kv.PrefixEnd([]byte(prefix))}, nil
	}
	if len(given) > 0 {
		r.Key = []byte(given[0])
	}
	if len(given) > 1 {
		r.End = []byte(given[1])
	}
	return r, nil
}

func rangeJSON(page kv.Page) any {
	entries := []kvEntry{}
	for _, e := range page.Entries {
		entries = append(entries, entryOf(e))
	}
	return struct {
		Revision uint64    `json:"revision"`
		More     bool      `json:"more"`
		KVs      []kvEntry `json:"kvs"`
	}{page.Revision, page.More, entries}
}

func rangeTable(w io.Writer, page kv.Page, keysOnly bool) error {
	return table(w, func(w io.Writer) {
		if keysOnly {
			row(w, "KEY", "REVISION")
		} else {
			row(w, "KEY", "REVISION", "VALUE")
		}
		for _, e := range page.Entries {
			if keysOnly {
				row(w, readable(e.Key), e.ModRevision)
			} else {
				row(w, readable(e.Key), e.ModRevision, readable(e.Value))
			}
		}
	})
}
