//go:build linux

package e2e

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/interpreter"
	newplugin "github.com/pontoon-raft/pontoon/internal/scaffold"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
)

// A scaffold is the folder of a new plugin, of a kind and in one of its languages.
type scaffold struct {
	t       *testing.T
	kind    string
	name    string
	dir     string
	program string
	make    []string // settings of make
}

// newScaffold makes a folder with the command.
func newScaffold(t *testing.T, kind, lang string) *scaffold {
	t.Helper()
	return namedScaffold(t, kind, lang, map[string]string{"statemachine": "ledger", "storage": "tape", "transport": "pigeon"}[kind])
}

// namedScaffold makes a folder for a plugin of that name.
func namedScaffold(t *testing.T, kind, lang, name string) *scaffold {
	t.Helper()
	parent, err := os.MkdirTemp(shortdir.Parent(), "new-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	s := &scaffold{t: t, kind: kind, name: name, dir: filepath.Join(parent, name), program: "bin/" + name}
	args := []string{"plugin", "new", kind, name, "--lang", lang, s.dir}
	switch lang {
	case "go":
		args = append(args, "--pontoon", "..")
	case "python":
		s.make, s.program = []string{"PYTHON=" + interpreter.Python(t)}, s.program+".pyz"
	case "node":
		s.make, s.program = []string{"NODE=" + interpreter.Node(t)}, s.program+".cjs"
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

// forEachNewPlugin runs a test for each kind in each of its languages.
func forEachNewPlugin(t *testing.T, test func(t *testing.T, s *scaffold, lang string)) {
	for _, kind := range newplugin.Kinds() {
		for _, lang := range newplugin.Languages(kind) {
			t.Run(kind+"/"+lang, func(t *testing.T) {
				t.Parallel()
				test(t, newScaffold(t, kind, lang), lang)
			})
		}
	}
}

// wholeCheck makes new plugins pass all of the check, and not only the checks that are over
// in some seconds: make test-plugins.
var wholeCheck = flag.Bool("new-plugins.whole", false, "check new plugins wholly")

// quickChecks are those that a run of all tests has time for.
func quickChecks(kind, lang string) string {
	return "--run '" + map[string]string{
		"statemachine/go":     "",
		"statemachine/node":   "^(process|grpc)$$/.*(tart|Apply|Restore|Lifecycle)",
		"statemachine/python": "^(process|grpc)$$/.*(tart|Apply|Restore|Lifecycle)",
		"storage/go":          "^(process|grpc)$$/.*(tart|Append|Install|Lock)",
		"storage/python":      "^(process|grpc)$$/.*(tart|Append|Install|Lock)",
		"storage/node":        "^(process|grpc)$$/.*(tart|Append|Install|Lock)",
		"transport/go":        "^(process|grpc)$$/.*(tart|delivery|greetings)",
		"transport/python":    "^(process|grpc)$$/.*(tart|delivery|greetings)",
		"transport/node":      "^(process|grpc)$$/.*(tart|delivery|greetings)",
	}[kind+"/"+lang] + "'"
}

// A new plugin of each kind and language is built, passes its tests and the check, and serves
// a cluster by the configurations that came with it: also while its processes are killed, and
// with equal answers on all members.
func TestANewPlugin(t *testing.T) {
	forEachNewPlugin(t, func(t *testing.T, s *scaffold, lang string) {
		check := quickChecks(s.kind, lang)
		if *wholeCheck {
			check = ""
		}
		s.does("build", "test")
		if out := s.does("check", "CHECK="+check); !strings.Contains(out, " 0 failed") || strings.Contains(out, " 0 checks passed") {
			t.Errorf("check:\n%s", out)
		}
		s.serve()
	})
}

// A plugin in Go is built without the host: neither raft nor core is in it.
func TestANewPluginIsNotAHost(t *testing.T) {
	forEachNewPlugin(t, func(t *testing.T, s *scaffold, lang string) {
		if lang != "go" {
			t.Skip("it is not in Go")
		}
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
		cmd.Dir = s.dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(out), "pontoon/plugins/"+s.kind+"\n") {
			t.Fatalf("it does not have the contract:\n%s", out)
		}
		for _, p := range []string{"go.etcd.io/raft", "pontoon/core", "pontoon/internal/node", "pontoon/internal/server"} {
			if strings.Contains(string(out), p) {
				t.Errorf("it has %s", p)
			}
		}
	})
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

// members are the three of the folder's configurations, not started.
func (s *scaffold) members() *cluster {
	s.t.Helper()
	c, path := newCluster(s.t), filepath.Join(s.dir, s.program)
	for i, n := range c.nodes {
		text := s.readdressed(c, i)
		if !strings.Contains(text, sumOf(s.t, path)) {
			s.t.Fatalf("%s lacks the sum of %s:\n%s", n.name, s.program, text)
		}
		n.write(n.config, strings.Replace(text, "["+s.program+"]", "["+path+"]", 1))
	}
	return c
}

// serve runs the three members, kills plugins and compares answers.
func (s *scaffold) serve() {
	t, c := s.t, s.members()
	c.start()
	if s.kind == "statemachine" {
		s.credit(c)
	} else {
		s.put(c)
	}
	for _, n := range c.nodes {
		if p := n.plugin(s.kind); p.GetName() != s.name || p.GetVersion() != "0.1.0" || p.GetRestarts() == 0 {
			t.Errorf("%s has the plugin %v", n.name, p)
		}
	}
	c.stop()
}

// New transports in Go and Python have one wire: under one name they make a cluster.
func TestANewPluginSpeaksWithOneInAnotherLanguage(t *testing.T) {
	t.Parallel()
	python, s := newScaffold(t, "transport", "python"), newScaffold(t, "transport", "go")
	python.does("build")
	s.does("build")
	c := s.members()
	ours, theirs := filepath.Join(s.dir, s.program), filepath.Join(python.dir, python.program)
	text, err := os.ReadFile(c.nodes[1].config)
	if err != nil {
		t.Fatal(err)
	}
	c.nodes[1].write(c.nodes[1].config, strings.NewReplacer(ours, theirs, sumOf(t, ours), sumOf(t, theirs)).Replace(string(text)))
	c.start()
	s.put(c)
	c.stop()
}

// credit changes the accounts of a ledger.
func (s *scaffold) credit(c *cluster) {
	propose := func(command string) string {
		return programs.host.Does(s.t, "propose", "--endpoints", c.endpoints(), command)
	}
	for i := range 9 {
		propose("credit alice " + strconv.Itoa(i+1))
		if i%3 == 0 {
			c.nodes[i/3].killPlugin(s.kind)
		}
		propose("transfer alice bob 1")
	}
	if got := propose("credit bob 91"); got != "100" {
		s.t.Errorf("bob has %q", got)
	}
	for _, n := range c.nodes {
		if got := n.ask("accounts"); got != "alice 36\nbob 100\n" {
			s.t.Errorf("%s answers %q", n.name, got)
		}
	}
}

// put writes keys, which are there after each kill.
func (s *scaffold) put(c *cluster) {
	key := func(i int) string { return "key-" + strconv.Itoa(i) }
	for i := range 9 {
		programs.host.Does(s.t, "kv", "put", "--endpoints", c.endpoints(), key(i), strconv.Itoa(i*i))
		if i%3 == 0 {
			c.nodes[i/3].killPlugin(s.kind)
		}
	}
	for i := range 9 {
		if got := strings.TrimSpace(programs.host.Does(s.t, "kv", "get", "--endpoints", c.endpoints(), key(i))); got != strconv.Itoa(i*i) {
			s.t.Errorf("%s is %q", key(i), got)
		}
	}
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
	s := newScaffold(t, "statemachine", "go")
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
