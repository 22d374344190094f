package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cert init makes the files that it names, readable by their owner alone, and
// cert show tells whose they are.
func TestCertInitAndShow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	made := host(t, "cert", "init", "--dir", dir, "--cluster", "a3", "--members", "n1=1,n2=ff", "--hosts", "127.0.0.1,n.example", "-o", "json")
	if made.code != exitOK {
		t.Fatalf("%+v", made)
	}
	var list struct{ Files []writtenFile }
	if err := json.Unmarshal([]byte(made.stdout), &list); err != nil || len(list.Files) != 6 {
		t.Fatalf("%v: %s", err, made.stdout)
	}
	for _, f := range list.Files {
		if info, err := os.Stat(f.Path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, error %v", f.Path, info.Mode(), err)
		}
	}
	shown := host(t, "cert", "show", filepath.Join(dir, "n2.crt"), "-o", "json")
	var certs struct{ Certificates []shownCert }
	if err := json.Unmarshal([]byte(shown.stdout), &certs); err != nil || shown.code != exitOK || len(certs.Certificates) != 1 {
		t.Fatalf("%v: %+v", err, shown)
	}
	c := certs.Certificates[0]
	if c.Cluster != "a3" || c.Member != "ff" || c.Authority || strings.Join(c.Hosts, ",") != "n.example,127.0.0.1" || c.Problem != "" {
		t.Errorf("%+v", c)
	}
	authority := host(t, "cert", "show", filepath.Join(dir, "ca.crt"))
	if authority.code != exitOK || !strings.Contains(authority.stdout, "authority") {
		t.Errorf("%+v", authority)
	}
}

// Existing files stay as they are, and a member is added by the same
// authority.
func TestCertInitOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	init := func(members string) outcome {
		return host(t, "cert", "init", "--dir", dir, "--cluster", "a3", "--members", members)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := init("n1=1"); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	key, authority := read("n1.key"), read("ca.crt")
	if got := init("n1=1,n2=2"); got.code == exitOK || !strings.Contains(got.stderr, "n1.crt") {
		t.Errorf("a second time: %+v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "n2.crt")); err == nil {
		t.Error("half of what was asked for was done")
	}
	if got := init("n2=2"); got.code != exitOK || strings.Contains(got.stdout, "ca.crt") {
		t.Errorf("another member: %+v", got)
	}
	if read("n1.key") != key || read("ca.crt") != authority {
		t.Error("files were overwritten")
	}
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	if got := init("n3=3"); got.code == exitOK || !strings.Contains(got.stderr, "ca.key") {
		t.Errorf("with half an authority: %+v", got)
	}
}

func TestCertInitUsage(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join("..", "..", "configs", "tls3", "t1.yaml")
	for _, c := range []struct{ given, says string }{
		{"", "--dir"},
		{"--dir " + dir, "--config, or --cluster and --members"},
		{"--dir " + dir + " --cluster a3", "--config, or --cluster and --members"},
		{"--dir " + dir + " --cluster a3 --members n1=1 --config " + config, "give either"},
		{"--dir " + dir + " --cluster x --members n1=1", `"x" is not an id`},
		{"--dir " + dir + " --cluster a3 --members n1=0", `"0" is not an id`},
		{"--dir " + dir + " --cluster a3 --members n1=1,n2=1", "same id"},
		{"--dir " + dir + " --cluster a3 --members ../n1=1", "../n1"},
		{"--dir " + dir + " --cluster a3 --members ca=1", "not the name ca"},
		{"--dir " + dir + " --valid -1h --cluster a3 --members n1=1", "--valid"},
	} {
		got := host(t, append([]string{"cert", "init"}, strings.Fields(c.given)...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, c.says) {
			t.Errorf("%s: %+v", c.given, got)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("files were written: %v, error %v", entries, err)
	}
	if got := host(t, "cert", "init", "--dir", dir, "--config", config); got.code != exitOK || !strings.Contains(got.stdout, "pontoon://b3/3") {
		t.Errorf("from a configuration: %+v", got)
	}
	if got := host(t, "cert", "show", filepath.Join(dir, "t1.key")); got.code != exitFailed {
		t.Errorf("show of a key: %+v", got)
	}
}

// Certificates for clients and for the client port are made by the same authority,
// and shown for what they are.
func TestCertInitForClients(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	if got := host(t, "cert", "init", "--dir", dir, "--server", "api", "--hosts", "127.0.0.1,n.example", "--client", "app,ops"); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	show := func(file string) shownCert {
		got := host(t, "cert", "show", filepath.Join(dir, file), "-o", "json")
		var list struct{ Certificates []shownCert }
		if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || got.code != exitOK || len(list.Certificates) != 1 {
			t.Fatalf("show %s: %v, %+v", file, err, got)
		}
		return list.Certificates[0]
	}
	if c := show("app.crt"); c.Client != "app" || c.Member != "" || c.DaysLeft != 364 || len(c.SHA256) != 95 || c.of() != "client app" {
		t.Errorf("a client's: %+v", c)
	}
	if c := show("api.crt"); c.Client != "" || c.of() != "client port" || strings.Join(c.Hosts, " ") != "n.example 127.0.0.1" {
		t.Errorf("a port's: %+v", c)
	}
	config := filepath.Join("..", "..", "configs", "tls3", "t1.yaml")
	if got := host(t, "cert", "init", "--dir", dir, "--config", config, "--server", "other"); got.code != exitOK || strings.Contains(got.stdout, "t1.crt") {
		t.Errorf("for the ports of a configuration: %+v", got)
	}
	if c := show("other.crt"); strings.Join(c.Hosts, " ") != "127.0.0.1" {
		t.Errorf("the hosts of the client addresses: %+v", c)
	}
	for given, says := range map[string]string{
		"--server x":                      "--hosts",
		"--client x --server x":           "--hosts",
		"--client ../x":                   "../x",
		"--client x,x":                    "two certificates",
		"--client ca":                     "not the name ca",
		"--client x --members n1=1":       "--cluster",
		"--client x --cluster a3":         "--members",
		"--client x --hosts h --server x": "two certificates",
	} {
		got := host(t, append([]string{"cert", "init", "--dir", dir}, strings.Fields(given)...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, says) {
			t.Errorf("%s: %+v", given, got)
		}
	}
}
