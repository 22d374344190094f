package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
)

func limited(t *testing.T, limits map[string]access.Limit) *access.Guard {
	t.Helper()
	return guard(t, access.Policy{Anonymous: access.Administer, Limits: limits})
}

// A client may make as many requests at once as it may in a second, and then as
// many as become free.
func TestRequestsAreLimited(t *testing.T) {
	g := limited(t, map[string]access.Limit{"app": {RequestsPerSecond: 10}})
	c := g.Client(access.Identity{Name: "app"}, noon())
	taken := func(at time.Time) (n int) {
		for c.Request(at) == nil {
			n++
		}
		return n
	}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 10}, {0, 0}, {100 * time.Millisecond, 1}, {400 * time.Millisecond, 3}, {time.Hour, 10}, {-time.Hour, 0}} {
		if n := taken(noon().Add(step.after)); n != step.want {
			t.Errorf("after %v: %d requests, want %d", step.after, n, step.want)
		}
	}
	var refused *access.Refusal
	if err := c.Request(noon().Add(-time.Hour)); !errors.As(err, &refused) || !errors.Is(err, access.ErrLimit) || refused.RetryAfter <= 0 || refused.RetryAfter > 100*time.Millisecond {
		t.Errorf("refused with %v, advice %v", err, refused.RetryAfter)
	}
}

// Proposals are limited until they are answered, and a refused one takes nothing.
func TestProposalsInFlightAreLimited(t *testing.T) {
	g := limited(t, map[string]access.Limit{"app": {ProposalsInFlight: 2, RequestsPerSecond: 3}})
	c := g.Client(access.Identity{Name: "app"}, noon())
	for i, want := range []error{nil, nil, access.ErrLimit} {
		if err := c.Propose(noon()); !errors.Is(err, want) {
			t.Errorf("proposal %d: %v", i+1, err)
		}
	}
	c.Answered()
	if err := c.Propose(noon()); err != nil {
		t.Errorf("after an answer: %v", err)
	}
	if err := c.Request(noon()); !errors.Is(err, access.ErrLimit) {
		t.Errorf("a proposal is no request: %v", err)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	g := limited(t, map[string]access.Limit{"app": {Connections: 1}})
	c := g.Client(access.Identity{Name: "app"}, noon())
	if first, second := c.Connect(), c.Connect(); first != nil || !errors.Is(second, access.ErrLimit) {
		t.Errorf("%v, then %v", first, second)
	}
	c.Disconnect()
	if err := c.Connect(); err != nil {
		t.Errorf("after one has gone: %v", err)
	}
}

// A limit is that of a name, wherever it comes from; or that of "*" for each other
// name and each address.
func TestWhoseLimitItIs(t *testing.T) {
	g := limited(t, map[string]access.Limit{"app": {ProposalsInFlight: 1}, "trusted": {}, access.Others: {ProposalsInFlight: 1}})
	at := func(name, address string) *access.Client {
		return g.Client(access.Identity{Name: name, Address: address}, noon())
	}
	if err := at("app", "192.0.2.1").Propose(noon()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		who  *access.Client
		want error
		name string
	}{
		{at("app", "192.0.2.2"), access.ErrLimit, "the same name from elsewhere"},
		{at("web", "192.0.2.1"), nil, "another name"},
		{at("", "192.0.2.1"), nil, "an address"},
		{at("", "192.0.2.1"), access.ErrLimit, "the same address"},
		{at("", "192.0.2.2"), nil, "another address"},
	} {
		if err := c.who.Propose(noon()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if at("trusted", "192.0.2.1") != nil {
		t.Error("an empty limit bounds something")
	}
}
