package main

import (
	"bytes"
	"strings"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
)

// The events of several members are shown by time, and each member's in the order of their
// numbers; a count of lost events stands where they were lost.
func TestEventsOfMembersAreMergedByTime(t *testing.T) {
	event := func(from int, member string, ms uint64, sentence string, times uint64) eventPart {
		e := &hostv1.Event{Number: ms, UnixMs: ms, Kind: "leader", Severity: "info", Sentence: sentence, Times: times, SinceUnixMs: 1}
		e.Fields = []*hostv1.EventField{{Name: "term", Value: &hostv1.EventField_Number{Number: 7}}}
		return eventPart{from: from, member: member, part: &hostv1.EventsResponse{Part: &hostv1.EventsResponse_Event{Event: e}}}
	}
	lost := eventPart{from: 1, member: "b", part: &hostv1.EventsResponse{Part: &hostv1.EventsResponse_Lost{Lost: 3}}}
	var out bytes.Buffer
	cmd := newRoot()
	cmd.SetOut(&out)
	s := eventShow{cmd: cmd, held: []eventPart{event(0, "a", 10, "first", 1), event(0, "a", 40, "fourth\x1b", 41), event(1, "b", 20, "second", 1), lost, event(1, "b", 30, "third", 1)}}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	want := `1970-01-01T00:00:00.010Z a info leader: first, term 7
1970-01-01T00:00:00.020Z b info leader: second, term 7
(3 events of member b were overwritten before they could be shown)
1970-01-01T00:00:00.030Z b info leader: third, term 7
1970-01-01T00:00:00.040Z a info leader: fourth\x1b, term 7, 41 times since 1970-01-01T00:00:00.001Z
`
	if out.String() != want {
		t.Errorf("shown is\n%swant\n%s", out.String(), want)
	}
}

// Flags without a meaning are a mistake of usage, before any member is asked.
func TestEventsThatCannotBeMeant(t *testing.T) {
	for _, args := range [][]string{{"--kind", "weather"}, {"--since", "yesterday"}, {"--since", "-1h"}, {"--since", "5", "--endpoints", "127.0.0.1:1,127.0.0.1:2"}} {
		cmd := newRoot()
		cmd.SetOut(&bytes.Buffer{})
		cmd.SetErr(&bytes.Buffer{})
		cmd.SetArgs(append([]string{"events", "--endpoints", "127.0.0.1:1"}, args...))
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "--") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// A time before 1970 is before all events, and not after them.
func TestALongTimeAgoIsBeforeAllEvents(t *testing.T) {
	o := eventsAsked{since: "1000000h"}
	req, err := o.request(newRoot())
	if err != nil || req.GetSinceUnixMs() != 0 {
		t.Errorf("since %d, %v", req.GetSinceUnixMs(), err)
	}
}

// A member that is followed is asked again if it may be back, and not if it refuses.
func TestAFollowedMemberIsAskedAgainIfItMayBeBack(t *testing.T) {
	for reason, want := range map[string]bool{"unreachable": true, "connection_lost": true, "stopping": true, "unauthenticated": false, "malformed": false} {
		if err := (&client.Error{Reason: reason}); isAway(err) != want {
			t.Errorf("%s: away %t, want %t", reason, isAway(err), want)
		}
	}
	if isAway(nil) {
		t.Error("an answer that has ended is broken off")
	}
}
