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
	Promote       bool     `json:"promote"`
}

// membership prints a membership, as all commands for members do.
func (f *format) membership(cmd *cobra.Command, r *hostv1.MembersResponse) error {
	m := membershipOf(r)
	return f.print(cmd, m, m.table)
}

func membershipOf(r *hostv1.MembersResponse) membership {
	m := membership{ClusterID: r.GetClusterId(), Leader: r.GetLeader(), Members: []shownMember{}}
	for _, x := range r.GetMembers() {
		m.Members = append(m.Members, shownMember{
			x.GetId(), x.GetName(), append([]string{}, x.GetPeerUrls()...), x.GetClientAddress(), x.GetLearner(), x.GetPromote(),
		})
	}
	return m
}

func (m membership) table(w io.Writer) error {
	return table(w, func(w io.Writer) {
		row(w, "ID", "NAME", "LEADER", "LEARNER", "CLIENT ADDRESS", "PEER URLS")
		for _, x := range m.Members {
			row(w, x.ID, orDash(x.Name), x.ID == m.Leader, x.learner(), orDash(x.ClientAddress), strings.Join(x.PeerURLs, ","))
		}
	})
}

// learner says for people whether a member is one, and for how long.
func (x shownMember) learner() string {
	if x.Promote {
		return "until it has caught up"
	}
	return strconv.FormatBool(x.Learner)
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
			return out.membership(cmd, r)
		})
	}
	return cmd
}

func newMemberUpdate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update ID [--peer-urls URL,URL] [--client-address HOST:PORT] [--name NAME] [--force]",
		Short: "Change a member's addresses or name",
		Long: `update tells the cluster where a member is reached from now on. What is not
given stays as it is; --peer-urls replaces all of the member's peer URLs. It
changes nothing in the member's own configuration: its host must listen where the
new addresses say.

Until a voter answers under its new peer URLs it does not count as reached. The
update is refused if the voters that are reached would be no majority then: start
the member at its new address first, or leave the present one in the list until
it answers at the new one.`,
		Example: `  host member update 1 --peer-urls http://10.0.0.1:7501,quic://10.0.0.1:7501`,
		Args:    args(cobra.ExactArgs(1)),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	var m hostv1.Member
	cmd.Flags().StringSliceVar(&m.PeerUrls, "peer-urls", nil, "comma list of `urls` where other members reach it")
	cmd.Flags().StringVar(&m.ClientAddress, "client-address", "", "`address` where clients reach it")
	force := addForce(cmd)
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
			r, err := c.UpdateMember(cmd.Context(), &m, forced(*force)...)
			if err != nil {
				return err
			}
			return out.membership(cmd, r)
		})
	}
	return cmd
}

func newMemberRemove() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "Remove a member",
		Long: `remove takes a member out of the cluster for good. It is refused if the voters
that can be reached would be no majority of those that stay: nothing could be
written any more.`,
		Example: `  host member remove 4`,
		Args:    args(cobra.ExactArgs(1)),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	force := addForce(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		id, err := hexID(cmd, given[0])
		if err != nil {
			return err
		}
		return flags.with(cmd, func(c *client.Client) error {
			if err := mustBeMember(cmd.Context(), c, id); err != nil {
				return err
			}
			r, err := c.RemoveMember(cmd.Context(), id, forced(*force)...)
			if err != nil {
				return err
			}
			return out.membership(cmd, r)
		})
	}
	return cmd
}

// mustBeMember keeps a mistyped id from looking like a success: removing an
// unknown member does nothing. One that some member knows is good enough; that
// there is none is for a quorum to say.
func mustBeMember(ctx context.Context, c *client.Client, id string) error {
	r, err := c.Members(ctx)
	if err != nil || find(r, id) != nil {
		return err
	}
	if r, err = c.CurrentMembers(ctx); err != nil || find(r, id) != nil {
		return err
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
