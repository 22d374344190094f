package member

import (
	"errors"
	"strings"
	"testing"
)

// The members that an administrator sends are held to the rules of the
// configuration: no name and no address can forge a line of a log or steer a
// terminal, and no two members share an address.
func TestAMemberFromTheAPIIsHeldToTheRules(t *testing.T) {
	r := &Registry{}
	for i, m := range []Member{
		{ID: 1, Name: "n1", PeerURLs: []string{"http://h1:1"}, ClientAddress: "h1:2"},
		{ID: 2, Name: "old name", PeerURLs: []string{"http://h2:1"}, ClientAddress: "h2:2"},
	} {
		var err error
		if r, err = r.Apply(Change{Op: Add, Member: m}, uint64(i+1), 1); err != nil {
			t.Fatal(err)
		}
	}
	with := func(name, url, client string) Member {
		return Member{ID: 3, Name: name, PeerURLs: []string{url}, ClientAddress: client}
	}
	for _, c := range []struct {
		name   string
		change Change
		err    error
		text   string
	}{
		{"good", Change{Add, with("n3", "http://h3:1", "h3:2")}, nil, ""},
		{"without client address", Change{Add, with("n3", "http://h3:1", "")}, nil, ""},
		{"control character in the name", Change{Add, with("n3\x1b[2J", "http://h3:1", "")}, ErrInvalid, "is not a name"},
		{"direction in the name", Change{Add, with("n3\u202e", "http://h3:1", "")}, ErrInvalid, "is not a name"},
		{"line end in the URL", Change{Add, with("n3", "quic://h3:1\n", "")}, ErrInvalid, "peer URL"},
		{"line end in the client address", Change{Add, with("n3", "http://h3:1", "h3\n:2")}, ErrInvalid, "client address"},
		{"another spelling of a peer URL", Change{Add, with("n3", "HTTP://H1:01", "")}, ErrExists, "belongs to member 1"},
		{"shared client address", Change{Add, with("n3", "http://h3:1", "h1:2")}, ErrExists, "belongs to member 1"},
		{"moved to a shared one", Change{Update, Member{ID: 2, Name: "old name", PeerURLs: []string{"http://h2:1"}, ClientAddress: "h1:2"}}, ErrExists, "belongs to member 1"},
		{"a name of old stays", Change{Update, Member{ID: 2, Name: "old name", PeerURLs: []string{"http://h9:1"}, ClientAddress: "h2:2"}}, nil, ""},
		{"removal of an old name", Change{Remove, Member{ID: 2}}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := r.Admit(c.change)
			if !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v, want %v with %q", err, c.err, c.text)
			}
			if err := r.Check(c.change); err != nil {
				t.Errorf("in the log, where replicas of all builds decide alike, it is refused: %v", err)
			}
		})
	}
}

// A proposed change goes into the log in its one spelling, so that replicas compare
// equal texts. A log that has another spelling already is compared in that of today.
func TestAProposedChangeHasOneSpelling(t *testing.T) {
	r := &Registry{}
	c := r.Complete(Change{Add, Member{ID: 1, Name: "n1", PeerURLs: []string{"http://H1:1"}}})
	if got := c.Member.PeerURLs[0]; got != "http://h1:1" {
		t.Errorf("%s is proposed", got)
	}
	r, err := r.Apply(Change{Add, Member{ID: 1, Name: "n1", PeerURLs: []string{"http://H1:1"}}}, 1, 1)
	if err != nil || r.members[1].PeerURLs[0] != "http://H1:1" {
		t.Fatalf("a log of old gives %v: %v", r.members[1], err)
	}
	again := r.Complete(Change{Add, Member{ID: 2, Name: "n2", PeerURLs: []string{"http://h1:1"}}})
	if err := r.Admit(again); !errors.Is(err, ErrExists) {
		t.Errorf("the address of member 1 in another spelling: %v", err)
	}
}
