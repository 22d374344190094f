//go:build linux

package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

// A third party's plugin, as a process, keeps a command for administrators: by each way
// in, after its process has died, and after its host has.
func TestAPluginKeepsACommandForAdministrators(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	path := counterProgram(t)
	n.external(path, sumOf(t, path))
	file := filepath.Join(filepath.Dir(n.config), "tokens.json")
	as := map[string]*client.Client{}
	for name, role := range map[string]string{"app": "write", "ops": "administer"} {
		token := tokens(t, file, "create", "--name", name, "--role", role)
		c, err := client.New(client.Options{Endpoints: []string{n.client}, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		as[name] = c
	}
	n.settings = []string{"api.access.tokens_file=" + file, "api.access.anonymous=read", "audit.level=changes"}
	n.startReady()
	holds := func(when, want string) {
		t.Helper()
		if _, err := as["app"].Propose(t.Context(), []byte("5")); err != nil {
			t.Errorf("%s: app adds: %v", when, err)
		}
		_, err := as["app"].Propose(t.Context(), []byte("-2"))
		if client.Reason(err) != client.ReasonPermissionDenied || !client.IsNotApplied(err) ||
			!strings.Contains(err.Error(), `a command that begins with "-" needs the role administer; app, known by its token`) {
			t.Errorf("%s: app takes away: %v", when, err)
		}
		r, err := as["ops"].Propose(t.Context(), []byte("-1"))
		if err != nil || string(r.Data) != want {
			t.Errorf("%s: ops takes away: %q, %v, want %s", when, r.Data, err, want)
		}
	}
	holds("at first", "4")
	n.awaitReplaced(n.signalPlugin("statemachine", syscall.SIGKILL))
	n.awaitReady()
	holds("after the death of the plugin", "8")
	n.kill()
	n.startReady()
	holds("after the death of the host", "12")
	n.stop()
	code, stdout, stderr := result(t, hostCommand(t, "audit", "tail", filepath.Join(n.data, "audit"), "-o", "json"))
	if code != 0 || strings.Count(stdout, "permission_denied") != 3 {
		t.Errorf("the audit has %d\n%s%s", code, stdout, stderr)
	}
}
