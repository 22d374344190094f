package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/clusterdoc"
)

// listedPlugin is one row of plugin list.
type listedPlugin struct {
	Member     string `json:"member"`
	MemberName string `json:"member_name"`
	clusterdoc.Plugin
}

func newPluginList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the plugins of all members: process, state, generation, last exit",
		Long: `list asks every member for its plugins. GENERATION is the number of a plugin's
process since its host started, and LAST EXIT says how the process before has ended.
A member that cannot be reached is named on standard error; exit code 3 then.`,
		Example: `  host plugin list
  host plugin list --endpoints 127.0.0.1:7401 -o json`,
		Args: args(cobra.NoArgs),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return flags.with(cmd, func(c *client.Client) error {
			rows, err := c.StatusAll(cmd.Context())
			list := []listedPlugin{}
			unreached := err
			for _, r := range rows {
				if r.Err != nil {
					unreached = errors.Join(unreached, r.Err)
					continue
				}
				list = append(list, listedOf(r.Status)...)
			}
			if err := out.rows(cmd, map[string][]listedPlugin{"plugins": list}, func(w io.Writer) { listRows(w, list) }); err != nil {
				return err
			}
			if unreached != nil {
				return fmt.Errorf("%w: %w", errUnreachable, unreached)
			}
			return nil
		})
	}
	return cmd
}

func listedOf(st *hostv1.StatusResponse) []listedPlugin {
	all := clusterdoc.PluginsOf(st)
	list := make([]listedPlugin, len(all))
	for i := range all {
		list[i] = listedPlugin{
			Member: st.GetId(), MemberName: st.GetName(), Plugin: all[i],
		}
	}
	return list
}

func listRows(w io.Writer, list []listedPlugin) {
	row(w, "MEMBER", "KIND", "NAME", "VERSION", "PID", "STATE", "GENERATION", "RESTARTS", "LAST EXIT")
	for _, p := range list {
		row(w, strings.TrimSpace(p.Member+" "+p.MemberName), p.Kind, p.Name, orDash(p.Version), processOf(p.PID), p.State, p.Generation, p.Restarts, orDash(p.LastExit))
	}
}

// processOf is a plugin's process for people.
func processOf(pid int32) string {
	if pid == 0 {
		return "-"
	}
	return fmt.Sprint(pid)
}
