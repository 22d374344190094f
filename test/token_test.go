//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

// withToken runs a command as a client of n that has a token in the environment; ""
// for none.
func (n *node) withToken(token string, args ...string) (code int, stdout, stderr string) {
	n.t.Helper()
	cmd := hostCommand(n.t, append(args, "--endpoints", n.client)...)
	if token != "" {
		cmd.Env = append(cmd.Env, "PONTOON_TOKEN="+token)
	}
	return result(n.t, cmd)
}

// result runs a command to its end.
func result(t testing.TB, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), msg.String()
}

// tokens runs "host token" on a file and returns standard output.
func tokens(t testing.TB, file string, args ...string) string {
	t.Helper()
	code, stdout, stderr := result(t, hostCommand(t, append(append([]string{"token"}, args...), "--file", file)...))
	if code != 0 {
		t.Fatalf("host token %s: %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return strings.TrimSpace(stdout)
}

// The whole life of tokens with a host and commands as processes: made, shown,
// refused where the role does not suffice, rotated and revoked while the host runs.
func TestClientsProveWhoTheyAre(t *testing.T) {
	n := newSingle(t)
	file := filepath.Join(filepath.Dir(n.config), "tokens.json")
	read := tokens(t, file, "create", "--name", "grafana", "--role", "read")
	write := tokens(t, file, "create", "--name", "app", "--role", "write", "--expires", "1h")
	ops := tokens(t, file, "create", "--name", "ops", "--role", "administer")
	n.settings = []string{"api.access.tokens_file=" + file}
	n.startReady() // health needs no role

	for _, x := range []struct {
		name, token, command string
		code                 int
		says                 string
	}{
		{"a stranger writes", "", "kv put a 1", 1, "Status needs the role read; a client without a name has the role none here: show a token"},
		{"a stranger looks", "", "member list", 1, "unauthenticated"},
		{"a reader writes", read, "kv put a 1", 1, "Proposals needs the role write; grafana, known by its token"},
		{"a writer writes", write, "kv put a 1", 0, ""},
		{"a reader reads", read, "kv get a", 0, ""},
		{"a writer changes the members", write, "member update 1 --name first", 1, "UpdateMember needs the role administer"},
		{"an administrator does", ops, "member update 1 --name first", 0, ""},
		{"a damaged token", write[:len(write)-1], "kv get a", 1, "does not have the form of a token"},
	} {
		code, _, stderr := n.withToken(x.token, strings.Fields(x.command)...)
		if code != x.code || !strings.Contains(stderr, x.says) {
			t.Errorf("%s: %d %s", x.name, code, stderr)
		}
	}
	if code, _, err := n.get(n.admin, "/metrics"); err != nil || code != http.StatusUnauthorized {
		t.Errorf("metrics for a stranger: %d, %v", code, err)
	}

	c, err := client.New(client.Options{Endpoints: []string{n.client}, Token: write})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Propose(t.Context(), []byte("no command of kv, but applied")); err != nil {
		t.Errorf("over a stream: %v", err)
	}
	next := tokens(t, file, "rotate", "app", "--overlap", "0")
	n.await("to end the stream of the token", func() bool {
		_, err := c.Propose(t.Context(), []byte("x"))
		if err != nil && (client.Reason(err) != client.ReasonUnauthenticated || !client.IsNotApplied(err)) {
			t.Fatalf("Propose() = %v", err)
		}
		return err != nil
	})
	if code, _, stderr := n.withToken(next, "kv", "put", "a", "2"); code != 0 {
		t.Errorf("the new token: %s", stderr)
	}
	tokens(t, file, "revoke", "grafana")
	n.await("to refuse a revoked token", func() bool {
		code, _, stderr := n.withToken(read, "kv", "get", "a")
		return code == 1 && strings.Contains(stderr, "was revoked at")
	})
	for _, token := range []string{read, write, ops, next} {
		if strings.Contains(n.host.Log(), token[len("pontoon_")+13:][:64]) {
			t.Error("a token is in the log of the host")
		}
	}
	n.stop()
}

// A host does not start with a file of tokens that others can change, and says what
// to do.
func TestAHostRefusesADoubtfulFileOfTokens(t *testing.T) {
	n := newSingle(t)
	file := filepath.Join(filepath.Dir(n.config), "tokens.json")
	tokens(t, file, "create", "--name", "app", "--role", "write")
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	n.settings = []string{"api.access.tokens_file=" + file}
	n.start()
	if code := n.host.ExitsWithin(t, stopTime); code != 2 || !strings.Contains(n.host.Log(), "chmod 0640 "+file) {
		t.Errorf("exit code %d\n%s", code, n.host.LastLines(5))
	}
}
