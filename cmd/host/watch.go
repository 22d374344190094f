package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// watchEvent is one event in JSON.
type watchEvent struct {
	Type    string `json:"type"` // put or delete
	Expired bool   `json:"expired,omitempty"`
	kvEntry
}

// watchUpdate is a line of JSON: events, or a progress mark without any.
type watchUpdate struct {
	Revision uint64       `json:"revision"`
	History  string       `json:"history"`
	Events   []watchEvent `json:"events"`
}

func newWatch() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch [PREFIX]",
		Short: "Show each change of the keys that begin with PREFIX, as it comes",
		Long: `watch shows each change of the keys that begin with PREFIX, or of all keys: in order,
without a gap, each once. With --from it begins with the changes of that revision,
otherwise with those to come. When a member ends it goes on at another one.

With -o json each line is an update: its events, the revision up to which all were
shown, and the history that the revision is of. A later watch goes on with --from at the next
revision, and --history. An update without events says that others were not missed.

It goes on until it is interrupted, or has shown --limit events. If the events that come
next are not kept any more, or the cluster was restored and has another history, it exits
with 5: read the keys with "host kv range", and watch from the revision after that.`,
		Example: `  host watch
  host watch user/ --from 1
  host watch --from 4711 -o json`,
		GroupID: groupData,
		Args:    args(cobra.MaximumNArgs(1)),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	var o kv.WatchOptions
	cmd.Flags().Uint64Var(&o.From, "from", 0, "begin with the events of this `revision`; 0: with those to come")
	cmd.Flags().StringVar(&o.History, "history", "", "refuse to go on if --from is not of this history")
	cmd.Flags().BoolVar(&o.KeysOnly, "keys-only", false, "leave the values out")
	limit := cmd.Flags().Uint64("limit", 0, "end after this many events, and those of the same revision; 0: go on")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if len(given) > 0 && given[0] != "" {
			o.Key = []byte(given[0])
			o.End = kv.PrefixEnd(o.Key)
		}
		s := watchShow{w: cmd.OutOrStdout(), json: *out == formatJSON, keysOnly: o.KeysOnly, limit: *limit, from: o.From}
		o.Interrupted = func(why error) {
			report(cmd, fmt.Errorf("the watch %s broke off and goes on: %w", s.place(), why))
		}
		return flags.with(cmd, func(c *client.Client) error { return s.run(kv.Watch(cmd.Context(), c, o)) })
	}
	return cmd
}

// A watchShow shows the updates of a watch.
type watchShow struct {
	w        io.Writer
	json     bool
	keysOnly bool
	limit    uint64
	from     uint64
	shown    uint64
	seen     uint64 // revision of the last update
}

// place says how far the watch has come.
func (s *watchShow) place() string {
	switch {
	case s.seen > 0:
		return fmt.Sprintf("after revision %d", s.seen)
	case s.from > 0:
		return fmt.Sprintf("from revision %d", s.from)
	}
	return "from now"
}

func (s *watchShow) run(w *kv.Watcher) error {
	defer w.Close()
	for {
		u, err := w.Next()
		if errors.As(err, new(*kv.WatchError)) {
			return fmt.Errorf("%w: %w", errPrecondition, err)
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", s.place(), err)
		}
		s.cut(&u)
		if err := s.show(u, w.History()); err != nil {
			return err
		}
		s.seen = u.Revision
		if s.shown += uint64(len(u.Events)); s.limit > 0 && s.shown >= s.limit {
			return nil
		}
	}
}

// cut ends an update with the revision that reaches the limit: it may have events of many.
func (s *watchShow) cut(u *kv.Update) {
	left := s.limit - s.shown
	if s.limit == 0 || uint64(len(u.Events)) <= left {
		return
	}
	n := int(left)
	for n < len(u.Events) && u.Events[n].ModRevision == u.Events[n-1].ModRevision {
		n++
	}
	if n < len(u.Events) {
		u.Revision, u.Events = u.Events[n-1].ModRevision, u.Events[:n]
	}
}

// show shows one update. Marks are for programs.
func (s *watchShow) show(u kv.Update, history string) error {
	if !s.json {
		for _, e := range u.Events {
			if _, err := fmt.Fprintln(s.w, s.line(e)); err != nil {
				return err
			}
		}
		return nil
	}
	shown := watchUpdate{Revision: u.Revision, History: history, Events: []watchEvent{}}
	for _, e := range u.Events {
		shown.Events = append(shown.Events, watchEvent{Type: verb(e), Expired: e.Expired, kvEntry: entryOf(e.Entry)})
	}
	enc := json.NewEncoder(s.w)
	enc.SetEscapeHTML(false)
	return enc.Encode(shown)
}

func verb(e kv.Event) string {
	if e.Deleted {
		return "delete"
	}
	return "put"
}

// line is an event for people.
func (s *watchShow) line(e kv.Event) string {
	line := fmt.Sprintf("%d %s %s", e.ModRevision, verb(e), readable(e.Key))
	switch {
	case e.Expired:
		return line + " (expired)"
	case e.Deleted || s.keysOnly:
		return line
	}
	return line + " " + readable(e.Value)
}
