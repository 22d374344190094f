package client_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/access"
)

// tokenFor adds a token to the file of a policy and returns its text.
func tokenFor(t *testing.T, p *access.Policy, name string, role access.Role) string {
	t.Helper()
	_, text, err := access.CreateToken(p.TokensFile, name, role, time.Time{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func tokenPolicy(t *testing.T) *access.Policy {
	return &access.Policy{TokensFile: filepath.Join(t.TempDir(), "tokens.json"), Reload: 5 * time.Millisecond}
}

// replace writes a token into a file as an operator would: by a rename.
func replace(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// A token, or a file that holds one, is shown with every call.
func TestTheTokenIsShown(t *testing.T) {
	p := tokenPolicy(t)
	text := tokenFor(t, p, "app", access.Write)
	cl := newGuardedCluster(t, 1, p)
	file := filepath.Join(t.TempDir(), "app.token")
	replace(t, file, text)
	for _, o := range []client.Options{{Token: text}, {TokenFile: file}} {
		o.Endpoints = cl.endpoints()
		c := newClient(t, o)
		for _, size := range []int{1, 200 << 10} { // on the stream, and alone
			if _, err := c.Propose(background, make([]byte, size)); err != nil {
				t.Errorf("Propose() of %d bytes = %v", size, err)
			}
		}
		if _, err := c.Query(background, []byte("q"), client.Linearizable); err != nil {
			t.Errorf("Query() = %v", err)
		}
	}
}

// A client that may not do something hears so at once, as not applied, and does not
// try again.
func TestRefusalsOfTheClientAreNotRetried(t *testing.T) {
	p := tokenPolicy(t)
	reader := tokenFor(t, p, "reader", access.Read)
	_, other, err := access.CreateToken(filepath.Join(t.TempDir(), "other.json"), "app", access.Write, time.Time{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cl := newGuardedCluster(t, 2, p)
	for name, x := range map[string]struct{ token, reason string }{
		"no token":            {"", client.ReasonUnauthenticated},
		"not a token":         {"secret", client.ReasonUnauthenticated},
		"a token of others":   {other, client.ReasonUnauthenticated},
		"a role that is less": {reader, client.ReasonPermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, client.Options{Endpoints: cl.endpoints(), Token: x.token, RequestTimeout: time.Hour})
			for _, size := range []int{1, 200 << 10} {
				_, err := c.Propose(background, make([]byte, size))
				if client.Reason(err) != x.reason || !client.IsNotApplied(err) {
					t.Errorf("Propose() of %d bytes = %v", size, err)
				}
			}
			if err := func() error { _, err := c.RemoveMember(background, "2"); return err }(); client.Reason(err) != x.reason {
				t.Errorf("RemoveMember() = %v", err)
			}
		})
	}
	for _, m := range cl.members {
		if n := m.proposals.Load(); n != 0 {
			t.Errorf("%d proposals have reached member %v", n, m.id)
		}
	}
}

// A token that is replaced in its file is used from then on: a stream that began
// with the old one gives way before the old one ends.
func TestAReplacedTokenIsUsed(t *testing.T) {
	p := tokenPolicy(t)
	file := filepath.Join(t.TempDir(), "app.token")
	replace(t, file, tokenFor(t, p, "app", access.Write))
	cl := newGuardedCluster(t, 1, p)
	c := newClient(t, client.Options{Endpoints: cl.endpoints(), TokenFile: file})
	if _, err := c.Propose(background, []byte("x")); err != nil {
		t.Fatal(err)
	}
	first := client.Stream(c)
	r, err := access.RotateToken(p.TokensFile, "app", time.Hour, time.Time{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	replace(t, file, r.Text)
	within(t, "a stream with the new token", func() bool {
		if _, err := c.Propose(background, []byte("x")); err != nil && !strings.Contains(err.Error(), "not known here") {
			t.Fatalf("Propose() = %v", err)
		}
		return client.Stream(c) != first
	})
	if _, err := access.RevokeToken(p.TokensFile, r.Old.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	old := newClient(t, client.Options{Endpoints: cl.endpoints(), Token: "pontoon_" + r.Old.ID})
	within(t, "the old token is of no use", func() bool {
		_, err := old.Query(background, nil, client.Stale)
		return client.Reason(err) == client.ReasonUnauthenticated
	})
	if _, err := c.Propose(background, []byte("x")); err != nil {
		t.Errorf("Propose() after the end of the old token = %v", err)
	}
}

// A token never leaves on a connection on which others could read it.
func TestATokenStaysFromConnectionsThatOthersCanRead(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": false, "[::1]:1": false, "localhost:1": false,
		"192.0.2.1:1": true, "[2001:db8::1]:1": true, "host.example:1": true, "localhost.example:1": true,
	} {
		err := client.ShowToken(addr, client.Options{Token: "secret"})
		if (err != nil) != want {
			t.Errorf("%s: %v", addr, err)
		}
		if err := client.ShowToken(addr, client.Options{Token: "secret", InsecureToken: true}); err != nil {
			t.Errorf("%s, as the caller wants: %v", addr, err)
		}
	}
}

func TestTokenOptions(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	replace(t, empty, "")
	for name, o := range map[string]client.Options{
		"both":       {Token: "a", TokenFile: "b"},
		"a line end": {Token: "a\nb"},
	} {
		o.Endpoints = []string{"127.0.0.1:1"}
		if _, err := client.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	cl := newCluster(t, 1)
	for file, want := range map[string]string{empty: "does not hold one token", filepath.Join(dir, "missing"): "no such file"} {
		c := newClient(t, client.Options{Endpoints: cl.endpoints(), TokenFile: file, RequestTimeout: time.Hour})
		var e *client.Error
		if _, err := c.Propose(background, []byte("x")); !errors.As(err, &e) || e.Outcome != client.NotApplied || !strings.Contains(e.Message, want) {
			t.Errorf("Propose() = %v, want %q", err, want)
		}
	}
}
