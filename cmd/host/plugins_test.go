package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/server"
)

func TestPluginList(t *testing.T) {
	h := startFake(t)
	h.set(func(h *fakeHost) {
		h.status.Plugins[1].Generation, h.status.Plugins[1].LastExit = 3, "pid 9: killed by signal 9"
	})
	got := host(t, "plugin", "list", "--endpoints", h.address)
	if got.code != exitOK || !strings.Contains(got.stdout, "MEMBER  KIND") {
		t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	for _, want := range []string{"wal", "12 ", "ready", "pid 9: killed by signal 9"} {
		if line := strings.Split(got.stdout, "\n")[2]; !strings.Contains(line, want) {
			t.Errorf("%q is not in %q", want, line)
		}
	}
	var list struct {
		Plugins []map[string]any `json:"plugins"`
	}
	if err := json.Unmarshal([]byte(host(t, "plugin", "list", "--endpoints", h.address, "-o", "json").stdout), &list); err != nil {
		t.Fatal(err)
	}
	if p := list.Plugins[1]; p["member"] != "1" || p["kind"] != "storage" || p["generation"] != 3.0 || p["restarts"] != 2.0 {
		t.Errorf("in JSON: %v", p)
	}
	got = host(t, "plugin", "list", "--endpoints", nowhere(t), "--timeout", "1s")
	if got.code != exitUnreachable {
		t.Errorf("no member: exit %d: %s", got.code, got.stderr)
	}
}

func TestPluginLogs(t *testing.T) {
	h := startFake(t)
	h.set(func(h *fakeHost) {
		h.since = time.UnixMilli(500)
		h.lines = []server.PluginLine{
			{Number: 1, Time: time.UnixMilli(1000), PID: 12, Stream: "stderr", Text: "opened"},
			{Number: 2, Time: time.UnixMilli(2000), PID: 12, Stream: "stderr", Text: "red \x1b[31m"},
		}
	})
	got := host(t, "plugin", "logs", "storage", "--endpoints", h.address)
	want := "1970-01-01T00:00:01Z 12 stderr opened\n1970-01-01T00:00:02Z 12 stderr red \\x1b[31m\n"
	if got.code != exitOK || got.stdout != want {
		t.Errorf("exit %d: %q, want %q", got.code, got.stdout, want)
	}
	got = host(t, "plugin", "logs", "storage", "--member", "1", "--endpoints", h.address, "-o", "json")
	var line struct{ Text string }
	if err := json.Unmarshal([]byte(strings.Split(got.stdout, "\n")[1]), &line); err != nil || line.Text != "red \x1b[31m" {
		t.Errorf("%q, %v", got.stdout, err)
	}
	for _, x := range []struct {
		given string
		code  int
		says  string
	}{
		{"logs tape --endpoints " + h.address, exitUsage, "use storage, statemachine or transport"},
		{"logs storage --endpoints " + h.address + "," + h.address, exitUsage, "--member ID"},
		{"logs storage --member 9 --endpoints " + h.address, exitNotFound, "no member 9"},
	} {
		got := host(t, append([]string{"plugin"}, strings.Fields(x.given)...)...)
		if got.code != x.code || !strings.Contains(got.stderr, x.says) {
			t.Errorf("%s: exit %d: %s", x.given, got.code, got.stderr)
		}
	}
	h.set(func(h *fakeHost) {
		h.err = &server.Error{Err: server.ErrUnknownPlugin, Detail: "this member has storage(wal)"}
	})
	if got := host(t, "plugin", "logs", "storage", "--endpoints", h.address); got.code != exitNotFound || !strings.Contains(got.stderr, "storage(wal)") {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
}

func TestPluginDescribeIsToldWhich(t *testing.T) {
	script := filepath.Join(t.TempDir(), "noplugin")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho no configuration >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ given, says string }{
		{"describe", "--config FILE, or -- COMMAND"},
		{"describe --", "no command"},
		{"describe --config ../../configs/single.yaml tape", "not a kind"},
		{"describe -- /does/not/exist", "no such file"},
		{"describe -- " + script, "exited with code 3"},
	} {
		got := host(t, append([]string{"plugin"}, strings.Fields(x.given)...)...)
		if got.code == exitOK || !strings.Contains(got.stderr, x.says) {
			t.Errorf("%s: exit %d: %s", x.given, got.code, got.stderr)
		}
	}
}

func TestPluginUpgrade(t *testing.T) {
	h := startFake(t)
	got := host(t, "plugin", "upgrade", "storage", "--endpoints", h.address)
	if got.code != exitOK || got.stdout != "storage wal serves in pid 99, generation 4: version 2, before 1\n" {
		t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	got = host(t, "plugin", "upgrade", "storage", "--to", "2", "--endpoints", h.address)
	if got.code != exitOK || !strings.Contains(got.stdout, "version 2 runs already") {
		t.Errorf("the version that runs: exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	h.set(func(h *fakeHost) {
		h.err = &server.Error{Err: server.ErrPluginRefused, Detail: "version 2 lacks much"}
	})
	got = host(t, "plugin", "upgrade", "storage", "--endpoints", h.address)
	if got.code != exitNotFound || !strings.Contains(got.stderr, "is not restarted: version 2 lacks much") {
		t.Errorf("a refusal: exit %d: %s", got.code, got.stderr)
	}
}

func TestPluginRestart(t *testing.T) {
	h := startFake(t)
	got := host(t, "plugin", "restart", "storage", "--endpoints", h.address)
	if got.code != exitOK || got.stdout != "storage wal serves in pid 99, generation 4\n" {
		t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	h.set(func(h *fakeHost) {
		h.err = &server.Error{Err: server.ErrPluginRefused, Detail: "its sha256 is another"}
	})
	got = host(t, "plugin", "restart", "storage", "--endpoints", h.address)
	if got.code != exitNotFound || !strings.Contains(got.stderr, "is not restarted: its sha256 is another") {
		t.Errorf("a refusal: exit %d: %s", got.code, got.stderr)
	}
	if got := host(t, "plugin", "restart", "tape", "--endpoints", h.address); got.code != exitUsage {
		t.Errorf("no such kind: exit %d: %s", got.code, got.stderr)
	}
}
