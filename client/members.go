package client

import (
	"context"
	"errors"
	"slices"
	"sync"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/wake"
)

// Members returns the membership as one member has it.
func (c *Client) Members(ctx context.Context) (*hostv1.MembersResponse, error) {
	return c.membersAs(ctx, &hostv1.MembersRequest{})
}

// CurrentMembers returns the membership with every change that was answered
// before the call. Like a linearizable query, it needs a quorum.
func (c *Client) CurrentMembers(ctx context.Context) (*hostv1.MembersResponse, error) {
	return c.membersAs(ctx, &hostv1.MembersRequest{Linearizable: true})
}

func (c *Client) membersAs(ctx context.Context, req *hostv1.MembersRequest) (*hostv1.MembersResponse, error) {
	out, err := ask(ctx, c, request{reads: true}, req, hostv1.HostClient.Members)
	if err == nil {
		c.learn(out, "")
	}
	return out, err
}

// A ChangeOption says how a membership change is made.
type ChangeOption func(*changeOptions)

type changeOptions struct{ force bool }

// Force makes a change that the cluster refuses because it would cost the
// quorum, and adds a voter as one at once. It is for those who know better.
func Force() ChangeOption { return func(o *changeOptions) { o.force = true } }

func changeOptionsOf(options []ChangeOption) (o changeOptions) {
	for _, set := range options {
		set(&o)
	}
	return o
}

// AddMember adds m and returns the membership with it. The member comes as a
// learner; unless m.Learner says that it is to stay one, it becomes a voter by
// itself when it was reached and has caught up (Promote is set until then).
// Without an Id the host draws one; then a call whose outcome is unknown may
// have added a member that only Members shows.
func (c *Client) AddMember(ctx context.Context, m *hostv1.Member, options ...ChangeOption) (*hostv1.MembersResponse, error) {
	req := &hostv1.AddMemberRequest{Member: m, Force: changeOptionsOf(options).force}
	return ask(ctx, c, request{}, req, hostv1.HostClient.AddMember)
}

// UpdateMember gives the member with m.Id another name or other addresses and
// returns the membership with them. Fields that are empty in m stay as they are.
// Doing it again changes nothing, so a call whose outcome is unknown may be
// repeated. Other peer URLs of a voter are refused (quorum_at_risk) if it is not
// reached under them yet and the voters that are reached would be no majority
// without it.
func (c *Client) UpdateMember(ctx context.Context, m *hostv1.Member, options ...ChangeOption) (*hostv1.MembersResponse, error) {
	req := &hostv1.UpdateMemberRequest{Member: m, Force: changeOptionsOf(options).force}
	return ask(ctx, c, request{}, req, hostv1.HostClient.UpdateMember)
}

// RemoveMember removes the member with the given hex id and returns the
// membership without it. It is refused (quorum_at_risk) if the voters that can
// be reached would be no majority of those that stay. Removing an unknown
// member does nothing.
func (c *Client) RemoveMember(ctx context.Context, id string, options ...ChangeOption) (*hostv1.MembersResponse, error) {
	req := &hostv1.RemoveMemberRequest{Id: id, Force: changeOptionsOf(options).force}
	return ask(ctx, c, request{}, req, hostv1.HostClient.RemoveMember)
}

// TransferLeader hands leadership to the member with the given hex id, or to
// a follower that is there to take it if to is empty, and returns the new leader's
// hex id.
func (c *Client) TransferLeader(ctx context.Context, to string) (leader string, err error) {
	out, err := ask(ctx, c, request{}, &hostv1.TransferLeaderRequest{To: to}, hostv1.HostClient.TransferLeader)
	wake.Up(c.poke)
	return out.GetLeader(), err
}

// Status asks the member at endpoint, once, what it knows of itself.
func (c *Client) Status(ctx context.Context, endpoint string) (*hostv1.StatusResponse, error) {
	return askOne(ctx, c, endpoint, request{reads: true}, &hostv1.StatusRequest{}, hostv1.HostClient.Status)
}

// MemberStatus is one row of StatusAll.
type MemberStatus struct {
	// Endpoint is where the member was asked; empty if it has no client
	// address.
	Endpoint string
	// Member is what the membership says of it; nil for an endpoint of the
	// options that no member has as its client address.
	Member *hostv1.Member
	// Status is the member's answer, nil if there is Err.
	Status *hostv1.StatusResponse
	Err    error
}

// StatusAll asks every member and every endpoint of the options at the same
// time and returns a row for each, members in the order of their ids first.
// An endpoint through which a member answered that has a row already gets
// none. The error is that of the membership; there are rows then, too.
func (c *Client) StatusAll(ctx context.Context) ([]MemberStatus, error) {
	members, membersErr := c.firstMembers(ctx)
	var rows []MemberStatus
	for _, m := range members.GetMembers() {
		rows = append(rows, MemberStatus{Endpoint: m.GetClientAddress(), Member: m})
	}
	for _, e := range c.opts.Endpoints {
		if !slices.ContainsFunc(rows, func(r MemberStatus) bool { return r.Endpoint == e }) {
			rows = append(rows, MemberStatus{Endpoint: e})
		}
	}
	var asking sync.WaitGroup
	for i := range rows {
		asking.Go(func() { c.fill(ctx, &rows[i]) })
	}
	asking.Wait()
	return merge(rows), membersErr
}

// firstMembers is Members in a single round: a member that is not there now is
// shown as such, not waited for.
func (c *Client) firstMembers(ctx context.Context) (*hostv1.MembersResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.RequestTimeout)
	defer cancel()
	last := unreachable("", errors.New("no address"))
	for _, addr := range c.conns.addresses(c.preferred()) {
		var out *hostv1.MembersResponse
		last = c.try(ctx, addr, request{reads: true, send: func(ctx context.Context, host hostv1.HostClient) (err error) {
			out, err = host.Members(ctx, &hostv1.MembersRequest{})
			return err
		}})
		if last == nil {
			c.learn(out, "")
			return out, nil
		}
	}
	return nil, last
}

func (c *Client) fill(ctx context.Context, row *MemberStatus) {
	if row.Endpoint == "" {
		row.Err = &Error{Outcome: NotApplied, Reason: ReasonUnreachable, Message: "member has no client address"}
		return
	}
	row.Status, row.Err = c.Status(ctx, row.Endpoint)
}

// merge drops the rows of endpoints whose member has a row of its own, and
// gives that row the answer if it has none.
func merge(rows []MemberStatus) []MemberStatus {
	var out []MemberStatus
	for _, r := range rows {
		i := slices.IndexFunc(out, func(o MemberStatus) bool {
			return r.Member == nil && r.Status != nil && o.Member != nil && o.Member.GetId() == r.Status.GetId()
		})
		switch {
		case i < 0:
			out = append(out, r)
		case out[i].Err != nil:
			out[i].Endpoint, out[i].Status, out[i].Err = r.Endpoint, r.Status, nil
		}
	}
	return out
}
