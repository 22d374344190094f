//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/shortdir"
)

// A scaffold is the folder of a new plugin, in one of the languages.
type scaffold struct {
	t       *testing.T
	dir     string
	program string
	make    []string // settings of make
}

// newScaffold makes a folder with the command.
func newScaffold(t *testing.T, lang string) *scaffold {
	t.Helper()
	parent, err := os.MkdirTemp(shortdir.Parent(), "new-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	s := &scaffold{t: t, dir: filepath.Join(parent, "ledger"), program: "bin/ledger"}
	args := []string{"plugin", "new", "statemachine", "ledger", "--lang", lang, s.dir}
	switch lang {
	case "go":
		args = append(args, "--pontoon", "..")
	case "python":
		s.make, s.program = []string{"PYTHON=" + pythonWithGRPC(t)}, s.program+".pyz"
	}
	programs.host.Does(t, args...)
	return s
}

// does runs targets of the folder's Makefile.
func (s *scaffold) does(targets ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "make", append(append([]string{"-C", s.dir}, s.make...), targets...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("make %v: %v\n%s", targets, err, out)
	}
	return string(out)
}

// A new plugin in each language is built, passes its tests and the check, and serves a
// cluster by the configurations that came with it: also while its processes are killed, and
// with equal answers on all members.
func TestANewPlugin(t *testing.T) {
	for lang, check := range map[string]string{"go": "", "python": "--run '^(process|grpc)$$/.*(tart|Apply|Restore|Lifecycle)'"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			s := newScaffold(t, lang)
			s.does("build", "test")
			if out := s.does("check", "CHECK="+check); !strings.Contains(out, " 0 failed") || strings.Contains(out, " 0 checks passed") {
				t.Errorf("check:\n%s", out)
			}
			s.serve()
		})
	}
}

// A plugin in Go is built without the host: neither raft nor core is in it.
func TestANewPluginIsNotAHost(t *testing.T) {
	t.Parallel()
	s := newScaffold(t, "go")
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	cmd.Dir = s.dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "pontoon/plugins/statemachine\n") {
		t.Fatalf("it does not have the contract:\n%s", out)
	}
	for _, p := range []string{"go.etcd.io/raft", "pontoon/core", "pontoon/internal/node", "pontoon/internal/server"} {
		if strings.Contains(string(out), p) {
			t.Errorf("it has %s", p)
		}
	}
}

// readdressed is the configuration of a member, with the addresses of the cluster's.
func (s *scaffold) readdressed(c *cluster, at int) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "configs", c.nodes[at].name+".yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	var replace []string
	for i, n := range c.nodes {
		id := strconv.Itoa(i + 1)
		replace = append(replace, "127.0.0.1:740"+id, n.client, "127.0.0.1:750"+id, n.peer, "127.0.0.1:760"+id, n.admin)
	}
	return strings.NewReplacer(replace...).Replace(string(text))
}

// serve runs the three members, kills plugins and compares answers.
func (s *scaffold) serve() {
	t, c := s.t, newCluster(s.t)
	path := filepath.Join(s.dir, s.program)
	for i, n := range c.nodes {
		text := s.readdressed(c, i)
		if !strings.Contains(text, sumOf(t, path)) {
			t.Fatalf("%s lacks the sum of %s:\n%s", n.name, s.program, text)
		}
		n.write(n.config, strings.Replace(text, "["+s.program+"]", "["+path+"]", 1))
	}
	c.start()
	propose := func(command string) string {
		return programs.host.Does(t, "propose", "--endpoints", c.endpoints(), command)
	}
	for i := range 9 {
		propose("credit alice " + strconv.Itoa(i+1))
		if i%3 == 0 {
			c.nodes[i/3].killPlugin("statemachine")
		}
		propose("transfer alice bob 1")
	}
	if got := propose("credit bob 91"); got != "100" {
		t.Errorf("bob has %q", got)
	}
	for _, n := range c.nodes {
		if got := n.ask("accounts"); got != "alice 36\nbob 100\n" {
			t.Errorf("%s answers %q", n.name, got)
		}
		if p := n.plugin("statemachine"); p.GetName() != "ledger" || p.GetVersion() != "0.1.0" || p.GetRestarts() == 0 {
			t.Errorf("%s has the plugin %v", n.name, p)
		}
	}
	c.stop()
}

// killPlugin is kill -9 of a plugin that is ready.
func (n *node) killPlugin(kind string) {
	n.t.Helper()
	pid := 0
	n.await("to have a plugin "+kind, func() bool {
		p := n.plugin(kind)
		pid = int(p.GetPid())
		return pid > 0 && p.GetState() == "ready"
	})
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		n.t.Fatal(err)
	}
}

// The three hosts of make run3 serve together, and have ended when make has, as upon a Ctrl-C.
func TestANewPluginRunsOnThisMachine(t *testing.T) {
	t.Parallel()
	s := newScaffold(t, "go")
	s.does("build")
	c := newCluster(t)
	for i, n := range c.nodes {
		n.write(filepath.Join(s.dir, "configs", n.name+".yaml"), s.readdressed(c, i))
	}
	cmd := exec.Command("make", "-C", s.dir, "run3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal tells a whole group
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	eventually(t, "a write on three hosts", func() bool {
		out, err := exec.Command(hostProgram(t), "propose", "--endpoints", c.endpoints(), "credit alice 5").CombinedOutput()
		return err == nil && len(out) > 0
	})
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of make", func() bool { return len(ended) == 1 })
	for _, n := range c.nodes {
		if _, ok := n.status(); ok {
			t.Errorf("%s still serves", n.name)
		}
	}
}
