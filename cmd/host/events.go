package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

// eventsAsked are the flags of events.
type eventsAsked struct {
	member, since string
	kinds         []string
	follow        bool
}

func newEvents() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what has happened in the members of a cluster",
		Long: `events shows what has happened in the members of a cluster, by time: elections, leaders,
ends of plugins and more. Each member keeps its last 10,000 events in memory, since it was
started. With --follow it goes on with those to come. An event that happens again and again
is one, with how often it has happened since when.

All members are asked, or the one of --member; a member that does not answer is named on
standard error, and the others are shown. --since is how long ago, or the number of an event
of one member after which to begin. With -o json each line is an event.`,
		Example: `  host events
  host events --since 1h --kind election --kind leader
  host events --member 2 --since 4711 -o json
  host events --follow`,
		GroupID: groupCluster,
		Args:    args(cobra.NoArgs),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	var o eventsAsked
	cmd.Flags().StringVar(&o.member, "member", "", "hex `id` of the only member to ask; by default all are asked")
	cmd.Flags().StringVar(&o.since, "since", "", "how long `ago` to begin, as 90m, or after the event of which number")
	cmd.Flags().StringArrayVar(&o.kinds, "kind", nil, "show events of this `kind` alone; may be given again: "+kindList())
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with the events to come, until interrupted")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		req, err := o.request(cmd)
		if err != nil {
			return err
		}
		return flags.with(cmd, func(c *client.Client) error {
			endpoints, err := o.endpoints(cmd, c, flags)
			if err != nil {
				return err
			}
			s := eventShow{cmd: cmd, json: *out == formatJSON, feed: make(chan eventPart)}
			return s.run(cmd.Context(), c, endpoints, req)
		})
	}
	return cmd
}

func kindList() string {
	var words []string
	for _, k := range events.Kinds() {
		words = append(words, string(k))
	}
	return strings.Join(words, ", ")
}

func (o *eventsAsked) request(cmd *cobra.Command) (*hostv1.EventsRequest, error) {
	req := &hostv1.EventsRequest{Kinds: o.kinds, Follow: o.follow}
	for _, k := range o.kinds {
		if !slices.Contains(events.Kinds(), events.Kind(k)) {
			return nil, &usageError{cmd.CommandPath(), fmt.Sprintf("--kind %s is none of %s", k, kindList())}
		}
	}
	if o.since == "" {
		return req, nil
	}
	if n, err := strconv.ParseUint(o.since, 10, 64); err == nil {
		req.After = n
		return req, nil
	}
	ago, err := time.ParseDuration(o.since)
	if err != nil || ago < 0 {
		return nil, &usageError{cmd.CommandPath(), "--since is how long ago, as 90m, or the number of an event"}
	}
	req.SinceUnixMs = uint64(max(0, time.Now().Add(-ago).UnixMilli()))
	return req, nil
}

// endpoints are the client addresses of the members to ask: those that --endpoints names if
// the flag is given, or else of all members.
func (o *eventsAsked) endpoints(cmd *cobra.Command, c *client.Client, flags *clusterFlags) ([]string, error) {
	var given []string
	one := &oneMember{id: o.member}
	if o.member != "" {
		endpoint, err := one.endpoint(cmd.Context(), cmd, c, flags)
		given = []string{endpoint}
		return given, err
	}
	if cmd.Flags().Changed("endpoints") {
		file, err := readClientFile(flags.file)
		if err != nil {
			return nil, err
		}
		given = flags.members(cmd, file)
	} else {
		members, err := c.Members(cmd.Context())
		if err != nil {
			return nil, err
		}
		for _, m := range members.GetMembers() {
			if m.GetClientAddress() == "" {
				note(cmd, "member %s has no client address, and is not asked", m.GetId())
				continue
			}
			given = append(given, m.GetClientAddress())
		}
	}
	if req := o.since; len(given) > 1 && req != "" {
		if _, err := strconv.ParseUint(req, 10, 64); err == nil {
			return nil, &usageError{cmd.CommandPath(), "the number of an event is that of one member: say which with --member, or one address in --endpoints"}
		}
	}
	return given, nil
}

// eventPart is a part of the answer of one member, or its end.
type eventPart struct {
	from   int
	member string
	start  uint64
	part   *hostv1.EventsResponse // nil at the end
	err    error
	again  bool // the member is asked again
}

// eventsAgain is how long after an answer that was broken off the member is asked again.
const eventsAgain = time.Second

// follow sends all parts of the answer of one member, and its end. An answer that goes on is
// asked for again when its member was gone, from the event after the last one.
func (s *eventShow) follow(ctx context.Context, c *client.Client, from int, endpoint string, req *hostv1.EventsRequest) {
	req = proto.CloneOf(req)
	p := eventPart{from: from, member: endpoint}
	send := func(p eventPart) error {
		select {
		case s.feed <- p:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for gone := false; ; {
		err := c.Events(ctx, endpoint, req, func(part *hostv1.EventsResponse) error {
			gone = false
			if h := part.GetHeader(); h != nil {
				p.member, p.start = h.GetMember(), h.GetStart()
			}
			if e := part.GetEvent(); e != nil {
				req.After, req.AfterStart = e.GetNumber(), p.start
			}
			p.part = part
			return send(p)
		})
		again := req.GetFollow() && p.start != 0 && isAway(err)
		if !again || !gone {
			end := p
			end.part, end.err, end.again = nil, err, again
			_ = send(end)
		}
		if gone = true; !again || !pause.For(ctx, eventsAgain) {
			return
		}
	}
}

// isAway tells whether a member has ended, or cannot be reached: it may be back.
func isAway(err error) bool {
	switch client.Reason(err) {
	case client.ReasonUnreachable, client.ReasonConnectionLost, "stopping":
		return true
	}
	return false
}
