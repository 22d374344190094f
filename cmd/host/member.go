package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
)

// membership is the JSON of the member commands.
type membership struct {
	ClusterID string        `json:"cluster_id"`
	Leader    string        `json:"leader"`
	Members   []shownMember `json:"members"`
}

type shownMember struct {
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	PeerURLs      []string `json:"peer_urls"`
	ClientAddress string   `json:"client_address"`
	Learner       bool     `json:"learner"`
}

func membershipOf(r *hostv1.MembersResponse) membership {
	m := membership{ClusterID: r.GetClusterId(), Leader: r.GetLeader(), Members: []shownMember{}}
	for _, x := range r.GetMembers() {
		m.Members = append(m.Members, shownMember{
			x.GetId(), x.GetName(), append([]string{}, x.GetPeerUrls()...), x.GetClientAddress(), x.GetLearner(),
		})
	}
	return m
}

func (m membership) table(w io.Writer) error {
	return table(w, func(w io.Writer) {
		row(w, "ID", "NAME", "LEADER", "LEARNER", "CLIENT ADDRESS", "PEER URLS")
		for _, x := range m.Members {
			row(w, x.ID, orDash(x.Name), x.ID == m.Leader, x.Learner, orDash(x.ClientAddress), strings.Join(x.PeerURLs, ","))
		}
	})
}

func newMember() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "member",
		Short:   "List, add, change and remove members",
		GroupID: groupCluster,
	})
	cmd.AddCommand(newMemberList(), newMemberAdd(), newMemberUpdate(), newMemberRemove())
	return cmd
}

func newMemberList() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the members",
		Example: `  host member list -o json`,
		Args:    args(cobra.NoArgs),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return flags.with(cmd, func(c *client.Client) error {
			r, err := c.Members(cmd.Context())
			if err != nil {
				return err
			}
			m := membershipOf(r)
			return out.print(cmd.OutOrStdout(), m, m.table)
		})
	}
	return cmd
}

func newMemberAdd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add --id ID --name NAME --peer-url URL --client-address HOST:PORT",
		Short: "Add a member, before its host is started",
		Long: `add tells the cluster of a new member. Start its host afterwards, with
cluster.state: existing and a list of members that has all of them.`,
		Example: `  host member add --id 4 --name n4 --peer-url http://10.0.0.4:7501 --client-address 10.0.0.4:7401`,
		Args:    args(cobra.NoArgs),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	var m hostv1.Member
	cmd.Flags().StringVar(&m.Id, "id", "", "hex `id` of the new member; never one that was used before")
	cmd.Flags().StringVar(&m.Name, "name", "", "its `name`")
	cmd.Flags().StringArrayVar(&m.PeerUrls, "peer-url", nil, "`url` where other members reach it; may be repeated")
	cmd.Flags().StringVar(&m.ClientAddress, "client-address", "", "`address` where clients reach it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, x := range []struct{ flag, text string }{
			{"id", m.Id}, {"name", m.Name}, {"peer-url", strings.Join(m.PeerUrls, "")}, {"client-address", m.ClientAddress},
		} {
			if x.text == "" {
				return &usageError{cmd.CommandPath(), "give --" + x.flag}
			}
		}
		id, err := hexID(cmd, m.Id)
		if err != nil {
			return err
		}
		m.Id = id
		return flags.with(cmd, func(c *client.Client) error {
			r, err := c.AddMember(cmd.Context(), &m)
			if err != nil {
				return err
			}
			members := membershipOf(r)
			return out.print(cmd.OutOrStdout(), members, members.table)
		})
	}
	return cmd
}

func newMemberUpdate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update ID [--peer-urls URL,URL] [--client-address HOST:PORT] [--name NAME]",
		Short: "Change a member's addresses or name",
		Long: `update tells the cluster where a member is reached from now on. What is not
given stays as it is; --peer-urls replaces all of the member's peer URLs. It
changes nothing in the member's own configuration: its host must listen where the
new addresses say.`,
		Example: `  host member update 1 --peer-urls http://10.0.0.1:7501,quic://10.0.0.1:7501`,
		Args:    args(cobra.ExactArgs(1)),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	var m hostv1.Member
	cmd.Flags().StringSliceVar(&m.PeerUrls, "peer-urls", nil, "comma list of `urls` where other members reach it")
	cmd.Flags().StringVar(&m.ClientAddress, "client-address", "", "`address` where clients reach it")
	cmd.Flags().StringVar(&m.Name, "name", "", "its `name`; it must be that of the member's configuration")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		id, err := hexID(cmd, given[0])
		if err != nil {
			return err
		}
		if len(m.PeerUrls) == 0 && m.ClientAddress == "" && m.Name == "" {
			return &usageError{cmd.CommandPath(), "give --peer-urls, --client-address or --name"}
		}
		m.Id = id
		return flags.with(cmd, func(c *client.Client) error {
			r, err := c.UpdateMember(cmd.Context(), &m)
			if err != nil {
				return err
			}
			members := membershipOf(r)
			return out.print(cmd.OutOrStdout(), members, members.table)
		})
	}
	return cmd
}

func newMemberRemove() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "remove ID",
		Short:   "Remove a member",
		Example: `  host member remove 4`,
		Args:    args(cobra.ExactArgs(1)),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		id, err := hexID(cmd, given[0])
		if err != nil {
			return err
		}
		return flags.with(cmd, func(c *client.Client) error {
			if err := mustBeMember(cmd.Context(), c, id); err != nil {
				return err
			}
			r, err := c.RemoveMember(cmd.Context(), id)
			if err != nil {
				return err
			}
			members := membershipOf(r)
			return out.print(cmd.OutOrStdout(), members, members.table)
		})
	}
	return cmd
}

// mustBeMember keeps a mistyped id from looking like a success: removing an
// unknown member does nothing.
func mustBeMember(ctx context.Context, c *client.Client, id string) error {
	r, err := c.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range r.GetMembers() {
		if m.GetId() == id {
			return nil
		}
	}
	return fmt.Errorf("member %s: %w", id, errNotFound)
}

// hexID reads an id and returns it as the cluster writes it.
func hexID(cmd *cobra.Command, text string) (string, error) {
	id, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(text), "0x"), 16, 64)
	if err != nil || id == 0 {
		return "", &usageError{cmd.CommandPath(), fmt.Sprintf("%q is not an id; write it in hex, as status shows it", text)}
	}
	return strconv.FormatUint(id, 16), nil
}

func newLeader() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "leader",
		Short:   "Move the leadership",
		GroupID: groupCluster,
	})
	cmd.AddCommand(newLeaderTransfer())
	return cmd
}

func newLeaderTransfer() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "transfer [ID]",
		Short: "Hand the leadership to a member, or to one that is there to take it",
		Example: `  host leader transfer
  host leader transfer 2`,
		Args: args(cobra.MaximumNArgs(1)),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		to := ""
		if len(given) == 1 {
			id, err := hexID(cmd, given[0])
			if err != nil {
				return err
			}
			to = id
		}
		return flags.with(cmd, func(c *client.Client) error {
			leader, err := c.TransferLeader(cmd.Context(), to)
			if err != nil {
				return err
			}
			return out.print(cmd.OutOrStdout(), map[string]string{"leader": leader}, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, leader)
				return err
			})
		})
	}
	return cmd
}
