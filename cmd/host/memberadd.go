package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

// lookAgain is how often --wait looks how far the new member is.
const lookAgain = 500 * time.Millisecond

// addition is what member add was told.
type addition struct {
	member      hostv1.Member
	force, wait bool
}

func newMemberAdd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add --id ID --name NAME --peer-url URL --client-address HOST:PORT",
		Short: "Add a member, before its host is started",
		Long: `add tells the cluster of a new member. Start its host afterwards, with
cluster.state: existing and a list of members that has all of them.

The member is added as a learner, which is part of no quorum; it becomes a voter
by itself when it was reached and has caught up. A mistyped address costs
nothing: mend it with member update, or remove the member.`,
		Example: `  host member add --id 4 --name n4 --peer-url http://10.0.0.4:7501 --client-address 10.0.0.4:7401`,
		Args:    args(cobra.NoArgs),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	var a addition
	cmd.Flags().StringVar(&a.member.Id, "id", "", "hex `id` of the new member; never one that was used before")
	cmd.Flags().StringVar(&a.member.Name, "name", "", "its `name`")
	cmd.Flags().StringArrayVar(&a.member.PeerUrls, "peer-url", nil, "`url` where other members reach it; may be repeated")
	cmd.Flags().StringVar(&a.member.ClientAddress, "client-address", "", "`address` where clients reach it")
	cmd.Flags().BoolVar(&a.member.Learner, "learner", false, "it stays a learner until it is added again without this")
	cmd.Flags().BoolVar(&a.wait, "wait", false, "wait until it is a voter, and show how far it is")
	cmd.Flags().BoolVar(&a.force, "force", false, "make it a voter at once, without asking whether a quorum can be reached; writes stop if not")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := a.complete(cmd); err != nil {
			return err
		}
		return flags.with(cmd, func(c *client.Client) error {
			r, err := a.run(cmd.Context(), c, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return out.membership(cmd, r)
		})
	}
	return cmd
}

// complete refuses what lacks something.
func (a *addition) complete(cmd *cobra.Command) (err error) {
	m := &a.member
	for _, x := range []struct{ flag, text string }{
		{"id", m.Id}, {"name", m.Name}, {"peer-url", strings.Join(m.PeerUrls, "")}, {"client-address", m.ClientAddress},
	} {
		if x.text == "" {
			return &usageError{cmd.CommandPath(), "give --" + x.flag}
		}
	}
	if a.wait && m.Learner {
		return &usageError{cmd.CommandPath(), "give --wait or --learner: a learner that stays one is never a voter"}
	}
	m.Id, err = hexID(cmd, m.Id)
	return err
}

// run adds the member, says what it is now, and waits if it is told to.
func (a *addition) run(ctx context.Context, c *client.Client, notes io.Writer) (*hostv1.MembersResponse, error) {
	r, err := c.AddMember(ctx, &a.member, forced(a.force)...)
	if err != nil {
		return nil, err
	}
	if find(r, a.member.GetId()).GetPromote() {
		fmt.Fprintf(notes, "member %s is added as a learner; it becomes a voter when it has caught up\n", a.member.GetId())
	}
	if !a.wait {
		return r, nil
	}
	return a.await(ctx, c, notes)
}

// await returns when the member is a voter.
func (a *addition) await(ctx context.Context, c *client.Client, notes io.Writer) (*hostv1.MembersResponse, error) {
	shown := ""
	for {
		r, err := c.CurrentMembers(ctx)
		if err != nil {
			return nil, err
		}
		switch m := find(r, a.member.GetId()); {
		case m == nil:
			return nil, fmt.Errorf("member %s: %w", a.member.GetId(), errNotFound)
		case !m.GetLearner():
			fmt.Fprintf(notes, "member %s is a voter\n", m.GetId())
			return r, nil
		}
		if line := a.progress(ctx, c, r); line != shown {
			fmt.Fprintln(notes, printable(line))
			shown = line
		}
		if !pause.For(ctx, lookAgain) {
			return nil, errInterrupted
		}
	}
}

// progress is the leader's word on how far the member is.
func (a *addition) progress(ctx context.Context, c *client.Client, r *hostv1.MembersResponse) string {
	id := a.member.GetId()
	st, err := c.Status(ctx, find(r, r.GetLeader()).GetClientAddress())
	if err != nil {
		return "the leader does not answer: " + plainly(err)
	}
	for _, p := range st.GetProgress() {
		switch {
		case p.GetId() != id:
		case !p.GetActive():
			return fmt.Sprintf("member %s does not answer the leader: is it started, and are its peer URLs right?", id)
		case p.GetState() == "snapshot":
			return fmt.Sprintf("member %s is sent a snapshot", id)
		default:
			return fmt.Sprintf("member %s has %d of %d entries", id, p.GetMatch(), st.GetLastIndex())
		}
	}
	return fmt.Sprintf("the leader knows nothing of member %s yet", id)
}

// find returns the member with the id; nil if there is none.
func find(r *hostv1.MembersResponse, id string) *hostv1.Member {
	for _, m := range r.GetMembers() {
		if m.GetId() == id {
			return m
		}
	}
	return nil
}

func addForce(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("force", false, "do not ask whether a quorum can be reached afterwards; writes stop if not")
}

func forced(force bool) []client.ChangeOption {
	if force {
		return []client.ChangeOption{client.Force()}
	}
	return nil
}
