//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hostSays runs a host command and checks its exit code. It returns all that was printed.
func hostSays(t testing.TB, code int, args ...string) string {
	t.Helper()
	cmd := hostCommand(t, args...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("host %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

// fromCatalog has a section of a plugin say that it is from a catalog.
func (n *node) fromCatalog(dir, section, name string) {
	n.t.Helper()
	n.rewrite("    name: "+section+"\n", "    name: "+name+"\n    from: catalog\n")
	if !strings.Contains(n.configText(), "\n  catalog: ") {
		n.rewrite("\nplugins:\n", "\nplugins:\n  catalog: "+dir+"\n")
	}
}

// An operator adds a plugin to a catalog, and the host runs the version that is pinned and
// no other bytes. A file in use is not removed.
func TestAHostRunsWhatItsCatalogPins(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "catalog")
	plugin := func(code int, args ...string) string {
		t.Helper()
		return hostSays(t, code, append([]string{"plugin", args[0], "--catalog", dir}, args[1:]...)...)
	}
	n := newSingle(t)
	n.fromCatalog(dir, "kv", "counter")
	if out := hostSays(t, 2, "config", "validate", "--config", n.config); !strings.Contains(out, "host plugin add") {
		t.Errorf("an empty catalog: %s", out)
	}
	if out := plugin(2, "add", "/bin/false"); !strings.Contains(out, "is not added") {
		t.Errorf("no plugin is added: %s", out)
	}
	var now struct {
		Version, SHA256, Path, Result string
		Pinned                        bool
	}
	if err := json.Unmarshal([]byte(plugin(0, "add", "-o", "json", counterProgram(t))), &now); err != nil {
		t.Fatal(err)
	}
	if now.Version != "1.0.0" || now.SHA256 != sumOf(t, counterProgram(t)) || now.Result != "added" || !now.Pinned {
		t.Errorf("added: %+v", now)
	}
	if out := plugin(0, "add", programs.counterNext.Path(t)); !strings.HasPrefix(out, "statemachine counter 1.1.0 added\n") {
		t.Errorf("the next: %s", out)
	}
	hostSays(t, 0, "config", "validate", "--config", n.config)
	n.startReady()
	if v := n.plugin("statemachine").GetVersion(); v != "1.0.0" {
		t.Errorf("version %s runs", v)
	}
	plugin(0, "pin", "statemachine", "counter", "1.1.0")
	if out := plugin(6, "remove", "statemachine", "counter", "1.0.0"); !strings.Contains(out, "runs in a host on this machine") {
		t.Errorf("what runs is removed: %s", out)
	}
	plugin(5, "remove", "statemachine", "counter", "1.1.0")
	n.stop()
	n.startReady()
	if v := n.plugin("statemachine").GetVersion(); v != "1.1.0" {
		t.Errorf("version %s runs after the restart", v)
	}
	n.stop()
	plugin(0, "remove", "statemachine", "counter", "1.0.0")
	plugin(0, "verify")
	file, _ := filepath.Glob(filepath.Join(dir, "statemachine", "counter", "1.1.0", "*", "counter"))
	if err := os.Chmod(file[0], 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file[0], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if out := plugin(4, "verify"); !strings.Contains(out, "bytes, and the lock says") {
		t.Errorf("a damaged file: %s", out)
	}
	for _, args := range [][]string{{"config", "validate", "--config", n.config}, {"serve", "--config", n.config, "--data-dir", n.data}} {
		if out := hostSays(t, 2, args...); !strings.Contains(out, "sha256") {
			t.Errorf("%s with a damaged file: %s", args[0], out)
		}
	}
}
