package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
)

// oneMember says which member a command is about that is not for the whole cluster.
type oneMember struct{ id, plugin string }

// addOneMember gives a command about a plugin of one member its flags.
func addOneMember(cmd *cobra.Command) *oneMember {
	m := &oneMember{}
	cmd.Flags().StringVar(&m.id, "member", "", "hex `id` of the member; not needed if --endpoints has one address")
	cmd.Flags().StringVar(&m.plugin, "name", "", "`name` of the plugin, if the member has two of the kind")
	return m
}

// endpoint is the client address of the member.
func (m *oneMember) endpoint(ctx context.Context, cmd *cobra.Command, c *client.Client, flags *clusterFlags) (string, error) {
	if m.id == "" {
		file, err := readClientFile(flags.file)
		if err != nil {
			return "", err
		}
		given := flags.members(cmd, file)
		if len(given) != 1 {
			return "", &usageError{cmd.CommandPath(), fmt.Sprintf("say of which member: --member ID, or one address in --endpoints, which has %d", len(given))}
		}
		return given[0], nil
	}
	id, err := hexID(cmd, m.id)
	if err != nil {
		return "", err
	}
	members, err := c.Members(ctx)
	if err != nil {
		return "", err
	}
	for _, known := range members.GetMembers() {
		if known.GetId() != id {
			continue
		}
		if known.GetClientAddress() == "" {
			return "", fmt.Errorf("member %s has no client address: give it in --endpoints, alone", id)
		}
		return known.GetClientAddress(), nil
	}
	return "", fmt.Errorf("%w: the cluster has no member %s", errNotFound, id)
}
