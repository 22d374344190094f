package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/access"
)

// Standard output is the token and nothing else, so that it can be put into a
// file; the list never shows it again.
func TestTokenCreateAndList(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.json")
	made := host(t, "token", "create", "--file", file, "--name", "app", "--role", "write", "--expires", "720h")
	if made.code != exitOK || !strings.HasPrefix(made.stdout, "pontoon_") || strings.Count(made.stdout, "\n") != 1 || !strings.Contains(made.stderr, "role write, valid until") {
		t.Fatalf("%+v", made)
	}
	asJSON := host(t, "token", "create", "--file", file, "--name", "ops", "--role", "administer", "-o", "json")
	var ops shownToken
	if err := json.Unmarshal([]byte(asJSON.stdout), &ops); err != nil || !strings.HasPrefix(ops.Token, "pontoon_"+ops.ID) || ops.State != "valid" {
		t.Errorf("%v: %+v", err, asJSON)
	}
	list := host(t, "token", "list", "--file", file)
	if list.code != exitOK || strings.Contains(list.stdout, "pontoon_") || !strings.Contains(list.stdout, "administer  valid") || !strings.Contains(list.stdout, "never") {
		t.Errorf("%+v", list)
	}
}

// Rotate prints the new token and says when the old one ends; revoke ends one. A
// token that is not there is code 5.
func TestTokenRotateAndRevoke(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.json")
	if made := host(t, "token", "create", "--file", file, "--name", "app", "--role", "read"); made.code != exitOK {
		t.Fatalf("%+v", made)
	}
	turned := host(t, "token", "rotate", "--file", file, "app", "--overlap", "1h", "-o", "json")
	var r rotated
	if err := json.Unmarshal([]byte(turned.stdout), &r); err != nil || r.Old.Expires.IsZero() || r.Old.Token != "" || !strings.HasPrefix(r.New.Token, "pontoon_"+r.New.ID) {
		t.Fatalf("%v: %+v", err, turned)
	}
	for _, x := range []struct {
		given string
		code  int
		says  string
	}{
		{"revoke app", exitNotFound, "2 valid tokens are called"},
		{"revoke " + r.New.ID, exitOK, ""},
		{"revoke " + r.New.ID, exitNotFound, "was revoked at"},
		{"rotate app --overlap 0", exitOK, "ends at"},
		{"rotate nobody", exitNotFound, "no such token"},
	} {
		got := host(t, append(append([]string{"token"}, strings.Fields(x.given)...), "--file", file)...)
		if got.code != x.code || !strings.Contains(got.stderr, x.says) {
			t.Errorf("%s: %+v", x.given, got)
		}
	}
	all, err := access.ReadTokens(file)
	if err != nil || len(all) != 3 {
		t.Errorf("%d tokens, %v", len(all), err)
	}
}

func TestTokenUsage(t *testing.T) {
	dir := t.TempDir()
	for given, says := range map[string]string{
		"create":                      "give --file",
		"create --file " + dir + "/t": "give --name and --role",
		"create --file " + dir + "/t --name a --role x":                  "use read, write or administer",
		"create --file " + dir + "/t --name a --role none":               "use read, write or administer",
		"create --file " + dir + "/t --name * --role read":               "is not a client's name",
		"create --file " + dir + "/t --name a --role read --expires -1h": "must be above 0",
		"list":     "give --file",
		"revoke a": "give --file",
		"rotate a": "give --file",
		"rotate a --file " + dir + "/t --overlap -1s": "must not be below 0",
	} {
		if got := host(t, append([]string{"token"}, strings.Fields(given)...)...); got.code != exitUsage || !strings.Contains(got.stderr, says) {
			t.Errorf("%s: %+v", given, got)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("files were written: %v, %v", entries, err)
	}
}
