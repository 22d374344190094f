package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
)

// restartTimeout is the time for a restart if no other one is given: a storage opens its
// log, and a state machine gets a snapshot and the log after it.
const restartTimeout = 2 * time.Minute

func newPluginRestart() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restart KIND",
		Short: "Replace the process of one plugin of a running member by a new one",
		Long: `restart starts a new process of a plugin, ends the old one in good order, and is done
when the new one serves. The host and its clients' connections stay.

The new process is started, with the executable and the sha256 of the host's
configuration, and says what it is before the old one is ended. If that fails, the old
one goes on; exit code 5. A member that leads hands the leadership over before its
storage is restarted. A state machine in memory serves until the next one has its state;
a large state may need a longer --timeout. While a storage is restarted, or a state
machine with files of its own, the member takes no requests, or has them wait: restart
the members one after the other.`,
		Example: `  host plugin restart statemachine --member 2
  host plugin restart transport --name quic --endpoints 127.0.0.1:7401`,
		Args:      args(cobra.ExactArgs(1)),
		ValidArgs: []string{"storage", "statemachine", "transport"},
	}
	flags, which, out := addCluster(cmd), addOneMember(cmd), addOutput(cmd)
	flags.timeout = restartTimeout
	cmd.Flags().Lookup("timeout").DefValue = restartTimeout.String()
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		kind, err := kindOf(cmd, given[0])
		if err != nil {
			return err
		}
		return flags.with(cmd, func(c *client.Client) error {
			endpoint, err := which.endpoint(cmd.Context(), cmd, c, flags)
			if err != nil {
				return err
			}
			p, err := c.RestartPlugin(cmd.Context(), endpoint, &hostv1.RestartPluginRequest{Kind: string(kind), Name: which.plugin})
			if err != nil {
				return err
			}
			shown := listedOf(&hostv1.StatusResponse{Plugins: []*hostv1.PluginStatus{p}})[0]
			return out.print(cmd, restartedPlugin{shown.pluginStatus, shown.Generation, p.GetPaused()}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s %s serves in pid %s, generation %d\n", shown.Kind, printable(shown.Name), shown.process(), shown.Generation)
				if p.GetPaused() != "" {
					_, err = fmt.Fprintln(w, printable(p.GetPaused()))
				}
				return err
			})
		})
	}
	return cmd
}

// restartedPlugin is the JSON of plugin restart.
type restartedPlugin struct {
	pluginStatus
	Generation uint32 `json:"generation"`
	Paused     string `json:"paused,omitempty"`
}
