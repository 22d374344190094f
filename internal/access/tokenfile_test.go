package access_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
)

// A token that ended a month ago leaves the file with the next change.
func TestEndedTokensAreForgottenAfterAMonth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	create(t, path, "short", access.Read, noon().Add(time.Hour))
	create(t, path, "long", access.Read, time.Time{})
	for _, c := range []struct {
		days int
		kept bool
	}{{29, true}, {31, false}} {
		now := noon().AddDate(0, 0, c.days)
		if _, _, err := access.CreateToken(path, "later", access.Read, now.AddDate(1, 0, 0), now); err != nil {
			t.Fatal(err)
		}
		all, err := access.ReadTokens(path)
		if err != nil || (all[0].Name == "short") != c.kept || len(all) != 3 {
			t.Errorf("after %d days: %+v, %v", c.days, all, err)
		}
	}
}

// Two changes at the same time do not lose one of them, and one that fails leaves
// the file as it was.
func TestAChangeOfTokensIsWholeOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	create(t, path, "app", access.Read, time.Time{})
	if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := access.CreateToken(path, "other", access.Read, time.Time{}, noon()); err == nil || !strings.Contains(err.Error(), "another command changes the tokens") {
		t.Errorf("beside another change: %v", err)
	}
	if err := os.Remove(path + ".new"); err != nil {
		t.Fatal(err)
	}
	if _, err := access.RevokeToken(path, "nobody", noon()); err == nil {
		t.Error("revoked nobody")
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a change that failed leaves its file: %v", err)
	}
	if all, err := access.ReadTokens(path); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

// A file of tokens that another user could have written, or that is damaged, is
// not believed.
func TestDoubtfulFilesOfTokensAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tokens.json")
	create(t, path, "app", access.Read, time.Time{})
	for _, mode := range []fs.FileMode{0o644, 0o660, 0o602} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := access.New(&access.Policy{TokensFile: path}, nil); err == nil || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := access.New(&access.Policy{TokensFile: path}, nil); err != nil {
		t.Errorf("a file that its group can read: %v", err)
	}
	good, err := access.ReadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*access.Token)) string {
		token := good[0]
		change(&token)
		text, err := json.Marshal(map[string]any{"version": 1, "tokens": []access.Token{token}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, text := range map[string]string{
		"empty":         "",
		"not JSON":      "tokens",
		"a version":     `{"version":2,"tokens":[]}`,
		"more":          `{"version":1,"tokens":[]} x`,
		"unknown field": `{"version":1,"tokens":[],"hosts":[]}`,
		"role":          with(func(t *access.Token) { t.Role = "root" }),
		"id":            with(func(t *access.Token) { t.ID = "abc" }),
		"hash":          with(func(t *access.Token) { t.Hash = t.Hash[2:] }),
		"salt":          with(func(t *access.Token) { t.Salt = "" }),
		"name":          with(func(t *access.Token) { t.Name = "a\nb" }),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := access.New(&access.Policy{TokensFile: path}, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := access.New(&access.Policy{TokensFile: filepath.Join(dir, "missing.json")}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
