package access_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
)

// noon is when the tests of tokens begin.
func noon() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

func create(t *testing.T, path, name string, role access.Role, expires time.Time) (access.Token, string) {
	t.Helper()
	token, text, err := access.CreateToken(path, name, role, expires, noon())
	if err != nil {
		t.Fatal(err)
	}
	return token, text
}

func guard(t *testing.T, p access.Policy) *access.Guard {
	t.Helper()
	g, err := access.New(&p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func bearer(text string) access.Presented {
	return access.Presented{Authorization: "Bearer " + text, Address: "192.0.2.7", Private: true}
}

// A token has a form that scanners know, its text is nowhere in the file, and it
// proves its name and role.
func TestATokenProvesItsName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	token, text := create(t, path, "app", access.Write, time.Time{})
	if !regexp.MustCompile(`^pontoon_[0-9a-f]{12}_[0-9a-f]{72}$`).MatchString(text) {
		t.Errorf("%q has another form", text)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if secret := text[len("pontoon_")+13:][:64]; strings.Contains(string(content), secret) {
		t.Error("the secret is in the file")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	got, err := guard(t, access.Policy{TokensFile: path}).Identify(bearer(text), noon())
	want := access.Identity{Name: "app", Method: access.MethodToken, Token: token.ID, Role: access.Write, Address: "192.0.2.7"}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// A text that is not exactly a valid token is refused, with a reason and without a
// word of the token's secret.
func TestWrongTokensAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	_, text := create(t, path, "app", access.Write, noon().Add(time.Hour))
	_, other := create(t, filepath.Join(t.TempDir(), "other.json"), "app", access.Write, time.Time{})
	g := guard(t, access.Policy{TokensFile: path, Anonymous: access.Administer})
	secret := text[len("pontoon_")+13:][:64]
	digit := map[byte]string{'0': "1"}[text[30]]
	if digit == "" {
		digit = "0"
	}
	exposed := bearer(text)
	exposed.Private = false
	for name, c := range map[string]struct {
		p    access.Presented
		at   time.Time
		want string
	}{
		"of another file":      {bearer(other), noon(), "is not known here"},
		"one digit is another": {bearer(text[:30] + digit + text[31:]), noon(), "cut short"},
		"cut short":            {bearer(text[:len(text)-1]), noon(), "cut short"},
		"longer":               {bearer(text + "0"), noon(), "cut short"},
		"empty":                {bearer(""), noon(), "cut short"},
		"another scheme":       {access.Presented{Authorization: "Basic " + text, Private: true}, noon(), "not of the form"},
		"expired":              {bearer(text), noon().Add(time.Hour), "expired at 2026-06-01T13:00:00Z"},
		"read by others":       {exposed, noon(), "without TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := g.Identify(c.p, c.at)
			if !errors.Is(err, access.ErrUnauthenticated) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("refused with %v, want %q", err, c.want)
			}
		})
	}
	if _, err := g.Identify(bearer(text), noon()); err != nil {
		t.Errorf("the right one: %v", err)
	}
	insecure := guard(t, access.Policy{TokensFile: path, InsecureTokens: true})
	if _, err := insecure.Identify(exposed, noon()); err != nil {
		t.Errorf("over a connection without TLS that is allowed: %v", err)
	}
}

// Revoked tokens end at once; rotated ones after the overlap; each is named by its
// id, or by its name if that is enough.
func TestTokensAreRevokedAndRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	old, oldText := create(t, path, "app", access.Read, noon().Add(720*time.Hour))
	r, err := access.RotateToken(path, "app", time.Hour, time.Time{}, noon())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Old.Expires.Equal(noon().Add(time.Hour)) || !r.New.Expires.Equal(old.Expires) || r.New.Role != "read" || r.New.Name != "app" || r.New.ID == old.ID {
		t.Errorf("rotated %+v into %+v", r.Old, r.New)
	}
	g := guard(t, access.Policy{TokensFile: path})
	for _, c := range []struct {
		text string
		at   time.Duration
		ok   bool
	}{{oldText, 59 * time.Minute, true}, {r.Text, 59 * time.Minute, true}, {oldText, time.Hour, false}, {r.Text, time.Hour, true}} {
		if _, err := g.Identify(bearer(c.text), noon().Add(c.at)); (err == nil) != c.ok {
			t.Errorf("after %v: %v", c.at, err)
		}
	}
	if _, err := access.RevokeToken(path, "app", noon()); !errors.Is(err, access.ErrNoToken) || !strings.Contains(err.Error(), old.ID) || !strings.Contains(err.Error(), r.New.ID) {
		t.Errorf("two tokens of that name: %v", err)
	}
	if _, err := access.RevokeToken(path, "nobody", noon()); !errors.Is(err, access.ErrNoToken) {
		t.Errorf("no token of that name: %v", err)
	}
	revoked, err := access.RevokeToken(path, r.New.ID, noon())
	if err != nil || revoked.State(noon()) != "revoked" {
		t.Errorf("%+v, %v", revoked, err)
	}
	if _, err := access.RevokeToken(path, r.New.ID, noon().Add(time.Minute)); !errors.Is(err, access.ErrNoToken) || !strings.Contains(err.Error(), "was revoked at") {
		t.Errorf("revoked twice: %v", err)
	}
	if _, err := guard(t, access.Policy{TokensFile: path}).Identify(bearer(r.Text), noon()); err == nil || !strings.Contains(err.Error(), "was revoked at") {
		t.Errorf("a revoked token: %v", err)
	}
}
