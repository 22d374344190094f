package main

import (
	"github.com/spf13/cobra"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
)

// upgradedPlugin is the JSON of plugin upgrade.
type upgradedPlugin struct {
	restartedPlugin
	SHA256        string `json:"sha256"`
	VersionBefore string `json:"version_before"`
	SHA256Before  string `json:"sha256_before"`
	Unchanged     bool   `json:"unchanged"`
}

func newPluginUpgrade() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "upgrade KIND",
		Short: "Replace one plugin of a running member by the version that its catalog pins",
		Long: `upgrade has a member read plugins.lock again for one plugin whose section has
"from: catalog", and replaces its process by one of the version that is pinned now, as
restart does. The host and its clients' connections stay. Add and pin the version on the
machine of the member first.

The new version starts and says what it is before the old one is ended. If it cannot, has
another sha256, is another plugin or version, or lacks a capability, a snapshot format or
a command version of the old one, that one goes on; exit code 5. If it cannot be opened or
restored after that, the old version is started again. The lock goes on to pin the new one
then: pin the old one before the host is started again. With --to the lock must pin that
version.`,
		Example: `  host plugin upgrade statemachine --member 2
  host plugin upgrade storage --to 1.3.0 --endpoints 127.0.0.1:7401`,
	}
	out := addOutput(cmd)
	to := cmd.Flags().String("to", "", "the `version` that must be pinned, or the first 8 or more digits of its sha256")
	return replacing(cmd, func(c *client.Client, endpoint, kind, name string) error {
		u, err := c.UpgradePlugin(cmd.Context(), endpoint, &hostv1.UpgradePluginRequest{Kind: kind, Name: name, To: *to})
		if err != nil {
			return err
		}
		p := upgradedPlugin{restartedOf(u.GetPlugin()), u.GetSha256(), u.GetVersionBefore(), u.GetSha256Before(), u.GetUnchanged()}
		if p.Unchanged {
			return out.line(cmd, p, "%s: version %s runs already\n", p, printable(p.Version))
		}
		return out.line(cmd, p, "%s: version %s, before %s\n", p, printable(p.Version), printable(p.VersionBefore))
	})
}
