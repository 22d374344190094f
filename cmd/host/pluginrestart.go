package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/clusterdoc"
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
	}
	out := addOutput(cmd)
	return replacing(cmd, func(c *client.Client, endpoint, kind, name string) error {
		p, err := c.RestartPlugin(cmd.Context(), endpoint, &hostv1.RestartPluginRequest{Kind: kind, Name: name})
		if err != nil {
			return err
		}
		shown := restartedOf(p)
		return out.line(cmd, shown, "%s\n%s", shown, shown.remark())
	})
}

// replacing makes a command replace the process of one plugin of one member.
func replacing(cmd *cobra.Command, replace func(c *client.Client, endpoint, kind, name string) error) *cobra.Command {
	flags, which := addCluster(cmd), addOneMember(cmd)
	flags.timeout = restartTimeout
	cmd.Flags().Lookup("timeout").DefValue = restartTimeout.String()
	cmd.Args, cmd.ValidArgs = args(cobra.ExactArgs(1)), []string{"storage", "statemachine", "transport"}
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
			return replace(c, endpoint, string(kind), which.plugin)
		})
	}
	return cmd
}

// restartedPlugin is the JSON of plugin restart.
type restartedPlugin struct {
	clusterdoc.Plugin
	Paused string `json:"paused,omitempty"`
}

func restartedOf(p *hostv1.PluginStatus) restartedPlugin {
	shown := listedOf(&hostv1.StatusResponse{Plugins: []*hostv1.PluginStatus{p}})[0]
	return restartedPlugin{shown.Plugin, p.GetPaused()}
}

// String is the plugin for people.
func (p restartedPlugin) String() string {
	return fmt.Sprintf("%s %s serves in pid %s, generation %d", p.Kind, printable(p.Name), processOf(p.PID), p.Generation)
}

// remark is a line on why it paused; empty if it did not.
func (p restartedPlugin) remark() string {
	if p.Paused == "" {
		return ""
	}
	return printable(p.Paused) + "\n"
}
