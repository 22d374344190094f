package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
)

// pluginLine is a line in the JSON of plugin logs.
type pluginLine struct {
	Number uint64 `json:"number"`
	Time   string `json:"time"`
	PID    int32  `json:"pid"`
	Stream string `json:"stream"`
	Text   string `json:"text"`
}

// A pluginLogs has the flags and the arguments of plugin logs.
type pluginLogs struct {
	*clusterFlags
	*oneMember
	out    *format
	kind   plugins.Kind
	most   uint32
	follow bool
}

func newPluginLogs() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs KIND",
		Short: "Show the last lines that a plugin of a running member has written",
		Long: `logs shows what a plugin has written to standard error, and to standard output after
its handshake, over all of its processes since the host started. A member keeps the
last 1000 lines of each plugin, or 256 KiB of them. The lines are in the host's log too.
A plugin inside the host writes no lines of its own.

KIND is storage, statemachine or transport. With -o json each line is a document of its
own. The role administer is needed: lines may hold what clients wrote.`,
		Example: `  host plugin logs storage --member 2
  host plugin logs statemachine --endpoints 127.0.0.1:7401 -n 20 -f`,
		Args:      args(cobra.ExactArgs(1)),
		ValidArgs: []string{"storage", "statemachine", "transport"},
	}
	l := pluginLogs{clusterFlags: addCluster(cmd), oneMember: addOneMember(cmd), out: addOutput(cmd)}
	cmd.Flags().Uint32VarP(&l.most, "lines", "n", 0, "show at most so many of the last lines; 0 for all that are kept")
	cmd.Flags().BoolVarP(&l.follow, "follow", "f", false, "go on with the lines that come, until interrupted")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		var err error
		if l.kind, err = kindOf(cmd, given[0]); err != nil {
			return err
		}
		return l.with(cmd, func(c *client.Client) error { return l.show(cmd, c) })
	}
	return cmd
}

func (l *pluginLogs) show(cmd *cobra.Command, c *client.Client) error {
	ctx := cmd.Context()
	endpoint, err := l.endpoint(ctx, cmd, c, l.clusterFlags)
	if err != nil {
		return err
	}
	req := &hostv1.PluginLinesRequest{Kind: string(l.kind), Name: l.plugin, Most: l.most}
	for since := uint64(0); ; {
		resp, err := c.PluginLines(ctx, endpoint, req)
		if err != nil {
			return err
		}
		before := since
		if since = resp.GetSinceUnixMs(); since != before && before != 0 {
			note(cmd, "the member was started again, and numbers its lines anew")
			req.After = 0
			continue
		}
		lines := resp.GetLines()
		if err := l.write(cmd.OutOrStdout(), lines, req.GetAfter()); err != nil {
			return err
		}
		if n := len(lines); n > 0 {
			req.After = lines[n-1].GetNumber()
		}
		if req.Most = 0; !l.follow {
			return nil
		}
		if !pause.For(ctx, followEvery) {
			return context.Cause(ctx)
		}
	}
}

// write prints lines, and how many are lacking since the line before.
func (l *pluginLogs) write(w io.Writer, lines []*hostv1.PluginLine, before uint64) error {
	for _, line := range lines {
		n := line.GetNumber()
		shown := pluginLine{n, time.UnixMilli(int64(line.GetUnixMs())).UTC().Format(time.RFC3339Nano), line.GetPid(), line.GetStream(), line.GetText()}
		var err error
		switch {
		case *l.out == formatJSON:
			enc := json.NewEncoder(w)
			enc.SetEscapeHTML(false)
			err = enc.Encode(shown)
		case before > 0 && n > before+1:
			_, err = fmt.Fprintf(w, "(%d lines are not kept any more)\n", n-before-1)
			fallthrough
		default:
			if err == nil {
				_, err = fmt.Fprintf(w, "%s %d %s %s\n", shown.Time, shown.PID, shown.Stream, printable(shown.Text))
			}
		}
		if err != nil {
			return err
		}
		before = n
	}
	return nil
}
