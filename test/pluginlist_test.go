//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The shape of an entry of "plugin list -o json".
type listedPluginJSON struct {
	Member     string `json:"member"`
	MemberName string `json:"member_name"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Version    string `json:"version"`
	PID        int    `json:"pid"`
	State      string `json:"state"`
	Attached   bool   `json:"attached"`
	Restarts   int    `json:"restarts"`
	Warning    string `json:"warning"`
	LastError  string `json:"last_error"`
	Work       *struct {
		What string `json:"what"`
	} `json:"work"`
	Record *struct {
		Path string `json:"path"`
	} `json:"record"`
	Generation int    `json:"generation"`
	LastExit   string `json:"last_exit"`
}

// A plugin that was killed has its end and its next process in the list, and the lines of
// both processes in its log.
func TestTheListAndTheLogOfAPluginOutliveItsProcess(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.startReady()
	killed := n.signalPlugin("storage", syscall.SIGKILL)
	n.awaitReplaced(killed)

	var list struct {
		Plugins []listedPluginJSON `json:"plugins"`
	}
	decode(t, (&cluster{t: t, nodes: []*node{n}}).command("plugin", "list", "-o", "json"), &list)
	found := false
	for _, p := range list.Plugins {
		if p.Kind == "storage" {
			found = p.Generation == 2 && p.PID != int(killed.GetPid()) && p.State == "ready" &&
				strings.HasPrefix(p.LastExit, fmt.Sprintf("pid %d: killed by signal 9", killed.GetPid()))
		}
	}
	if !found || len(list.Plugins) != 3 {
		t.Errorf("after a kill of the storage: %+v", list.Plugins)
	}

	pids := map[int]bool{}
	for text := range strings.Lines((&cluster{t: t, nodes: []*node{n}}).command("plugin", "logs", "storage", "-o", "json")) {
		var line struct {
			Number uint64
			PID    int
			Text   string
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil || line.Number == 0 || line.Text == "" {
			t.Fatalf("%q: %v", text, err)
		}
		pids[line.PID] = true
	}
	if !pids[int(killed.GetPid())] || len(pids) != 2 {
		t.Errorf("the log has lines of %v, and not of %d and its successor", pids, killed.GetPid())
	}
	n.stop()
}

// A shipped plugin and one of others say what they are without a host.
func TestPluginDescribe(t *testing.T) {
	t.Parallel()
	var described struct {
		Plugins []struct {
			Kind, Name   string
			Capabilities []string
			SHA256       string
			ConfigSchema json.RawMessage `json:"config_schema"`
		}
	}
	path := counterProgram(t)
	for _, x := range []struct {
		args       []string
		kind, name string
	}{
		{[]string{"--", path}, "statemachine", "counter"},
		{[]string{"--config", filepath.Join("..", "configs", "single.yaml"), "storage"}, "storage", "wal"},
	} {
		out, err := hostCommand(t, append([]string{"plugin", "describe", "-o", "json"}, x.args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &described); err != nil {
			t.Fatal(err)
		}
		if got := described.Plugins; len(got) != 1 || got[0].Kind != x.kind || got[0].Name != x.name {
			t.Errorf("%v: %s", x.args, out)
		}
		if sum := described.Plugins[0].SHA256; x.kind == "statemachine" && sum != sumOf(t, path) {
			t.Errorf("the sum of %s is %q", path, sum)
		}
	}
}
