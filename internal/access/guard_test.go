package access_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
)

// Without a policy every client may do everything, and nothing is asked.
func TestWithoutAPolicyEverybodyMayDoEverything(t *testing.T) {
	g := guard(t, access.Policy{Anonymous: access.Administer})
	if g != nil {
		t.Fatal("there is something to decide")
	}
	id, err := g.Identify(access.Presented{Authorization: "Bearer nonsense", Address: "192.0.2.7"}, noon())
	if err != nil || g.Check(id, access.Administer, "RemoveMember") != nil || g.Client(id, noon()) != nil {
		t.Errorf("%+v, %v", id, err)
	}
}

// A certificate's name has the role of its entry, or of "*", or that of anonymous
// clients; a token counts before a certificate.
func TestRolesByCertificate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	_, text := create(t, path, "app", access.Write, time.Time{})
	listed := map[string]access.Role{"ops": access.Administer, "guest": access.None}
	withOthers := map[string]access.Role{"ops": access.Administer, access.Others: access.Read}
	for _, c := range []struct {
		name, certificate, authorization string
		certificates                     map[string]access.Role
		want                             access.Identity
	}{
		{"listed", "ops", "", listed, access.Identity{Name: "ops", Method: "certificate", Role: access.Administer}},
		{"listed with none", "guest", "", listed, access.Identity{Name: "guest", Method: "certificate", Role: access.None}},
		{"not listed", "web", "", listed, access.Identity{Name: "web", Method: "certificate", Role: access.Read}},
		{"for all others", "web", "", withOthers, access.Identity{Name: "web", Method: "certificate", Role: access.Read}},
		{"none", "", "", listed, access.Identity{Role: access.Read}},
		{"with a token besides", "ops", "Bearer " + text, listed, access.Identity{Name: "app", Method: "token", Role: access.Write}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := guard(t, access.Policy{Anonymous: access.Read, Certificates: c.certificates, TokensFile: path})
			got, err := g.Identify(access.Presented{Certificate: c.certificate, Authorization: c.authorization, Private: true}, noon())
			got.Token = ""
			if err != nil || got != c.want {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// A refusal says which role is needed, which the client has, and how it is known.
func TestRefusalsSayWhatIsMissing(t *testing.T) {
	g := guard(t, access.Policy{Anonymous: access.Read, Certificates: map[string]access.Role{"ops": access.Administer}})
	for _, c := range []struct {
		who  access.Identity
		need access.Role
		err  error
		want string
	}{
		{access.Identity{Role: access.Read}, access.Read, nil, ""},
		{access.Identity{Role: access.Read}, access.Write, access.ErrUnauthenticated, "Propose needs the role write; a client without a name has the role read here: show a certificate"},
		{access.Identity{Name: "app", Method: "token", Token: "0123456789ab", Role: access.Read}, access.Write, access.ErrPermissionDenied, "Propose needs the role write; app, known by its token 0123456789ab, has the role read"},
		{access.Identity{Name: "web", Method: "certificate", Role: access.None}, access.Write, access.ErrPermissionDenied, "web, known by its certificate, has the role none"},
	} {
		if err := g.Check(c.who, c.need, "Propose"); !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.who, err, c.want)
		}
	}
}

// The file of tokens is read again when it changes, and what is wrong with it
// leaves the tokens as they were.
func TestTokensAreReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	_, first := create(t, path, "first", access.Read, time.Time{})
	g := guard(t, access.Policy{TokensFile: path, Reload: time.Second})
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		go g.Run(stop)
		defer close(stop)
		known := func(text string) bool {
			time.Sleep(2 * time.Second) // of the bubble's clock
			synctest.Wait()
			_, err := g.Identify(bearer(text), noon())
			return err == nil
		}
		_, second := create(t, path, "second", access.Read, time.Time{})
		if !known(first) || !known(second) {
			t.Error("the new token is not known")
		}
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, broken := range []string{"", "{", `{"version":1,"tokens":[{}]}`} {
			if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
				t.Fatal(err)
			}
			if !known(first) || !known(second) || g.State(noon()).Broken == "" {
				t.Errorf("a file with %q locks clients out, or is not told of: %q", broken, g.State(noon()).Broken)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if !known(first) || g.State(noon()).Broken == "" {
			t.Errorf("a file that is gone locks clients out, or is not told of: %q", g.State(noon()).Broken)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if !known(second) || g.State(noon()).Broken != "" {
			t.Errorf("the repaired file is not used: %q", g.State(noon()).Broken)
		}
		if _, err := access.RevokeToken(path, "first", noon()); err != nil {
			t.Fatal(err)
		}
		if known(first) || !known(second) {
			t.Error("the revoked token is still good, or the other one is not")
		}
	})
}

// A request that lasts ends with the token that it came with, and with no other.
func TestWhatLastsEndsWithItsToken(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, path string){
		"revoked": func(t *testing.T, path string) {
			if _, err := access.RevokeToken(path, "app", time.Now()); err != nil {
				t.Fatal(err)
			}
		},
		"expired": func(*testing.T, string) { time.Sleep(time.Hour) }, // of the bubble's clock
		"another role": func(t *testing.T, path string) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(text), `"write"`, `"read"`, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "tokens.json")
				now := time.Now()
				_, app, err := access.CreateToken(path, "app", access.Write, now.Add(time.Hour), now)
				if err != nil {
					t.Fatal(err)
				}
				_, other, err := access.CreateToken(path, "other", access.Administer, time.Time{}, now)
				if err != nil {
					t.Fatal(err)
				}
				g := guard(t, access.Policy{TokensFile: path})
				stop := make(chan struct{})
				go g.Run(stop)
				defer close(stop)
				ends := map[string]error{}
				for _, text := range []string{app, other} {
					id, err := g.Identify(bearer(text), now)
					if err != nil {
						t.Fatal(err)
					}
					defer g.Hold(id, func(err error) { ends[id.Name] = err })()
				}
				end(t, path)
				time.Sleep(2 * time.Second) // of the bubble's clock
				synctest.Wait()
				if !errors.Is(ends["app"], access.ErrUnauthenticated) || ends["other"] != nil {
					t.Errorf("ended: %v", ends)
				}
			})
		})
	}
}

// A client that goes on showing wrong tokens does not fill the log, and the log has
// no token.
func TestWrongTokensAreLoggedAtLeisure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	create(t, path, "app", access.Read, time.Time{})
	_, wrong := create(t, filepath.Join(t.TempDir(), "other.json"), "app", access.Read, time.Time{})
	var log strings.Builder
	g, err := access.New(&access.Policy{TokensFile: path}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{0, 9 * time.Second, 10 * time.Second} {
		for range 1000 {
			if _, err := g.Identify(bearer(wrong), noon().Add(after)); err == nil {
				t.Fatal("accepted")
			}
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "client=192.0.2.7") || !strings.Contains(log.String(), "=2000\n") {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
	if strings.Contains(log.String(), wrong[len("pontoon_")+13:][:64]) {
		t.Error("the token is in the log")
	}
	if st := g.State(noon()); st.WrongTokens != 3000 {
		t.Errorf("%d were counted", st.WrongTokens)
	}
}
