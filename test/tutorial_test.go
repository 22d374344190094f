//go:build linux

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/interpreter"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
)

// Every command of the tutorial does what the page says, in a clean directory outside the
// repository, in each language.
func TestTheTutorial(t *testing.T) {
	for _, lang := range []string{"go", "python", "node"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			r := newReader(t)
			switch lang {
			case "python":
				r.env = append(r.env, "PYTHON="+interpreter.Python(t))
			case "node":
				r.env = append(r.env, "NODE="+interpreter.Node(t))
			}
			for _, b := range tutorialBlocks(t, filepath.Join("..", "docs", "plugins", "tutorial.md"), lang) {
				r.follow(b)
			}
			if r.second != nil {
				t.Error("the page leaves the hosts running")
			}
		})
	}
}

// A reader follows the page, in two terminals.
type reader struct {
	t      *testing.T
	dir    string // of both
	env    []string
	c      *cluster  // gives the addresses
	second *exec.Cmd // what runs in the second terminal
	ended  chan error
}

func newReader(t *testing.T) *reader {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(shortdir.Parent(), "tut-")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, dir: dir, c: newCluster(t)}
	r.env = append(os.Environ(), "PONTOON="+root, "PONTOON_ENDPOINTS="+r.c.endpoints())
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Cleanup(func() {
		if r.second != nil {
			_ = syscall.Kill(-r.second.Process.Pid, syscall.SIGKILL)
		}
	})
	return r
}

func (r *reader) follow(b block) {
	r.t.Helper()
	if b.change {
		r.change(b)
		return
	}
	for _, c := range b.commands() {
		switch {
		case c.command == "^C":
			r.interrupt()
		case b.where == "second":
			r.start(c.command)
		case strings.HasPrefix(c.command, "cd "):
			r.dir = filepath.Join(r.dir, strings.TrimPrefix(c.command, "cd "))
		default:
			r.do(b, c)
		}
	}
}

func (r *reader) shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Dir, cmd.Env = r.dir, r.env
	return cmd
}

// do runs one command, as far as its end.
func (r *reader) do(b block, c typed) {
	r.t.Helper()
	out, err := r.shell(r.t.Context(), c.command).CombinedOutput()
	if err != nil {
		r.t.Fatalf("block at line %d: %s: %v\n%s", b.line, c.command, err, out)
	}
	if !c.printed(string(out)) {
		r.t.Fatalf("block at line %d: %s printed\n%s\nand the page has\n%s", b.line, c.command, out, strings.Join(c.prints, "\n"))
	}
	if strings.Contains(c.command, "plugin new") {
		s := &scaffold{t: r.t, dir: filepath.Join(r.dir, "ledger")}
		for i, n := range r.c.nodes {
			n.write(filepath.Join(s.dir, "configs", n.name+".yaml"), s.readdressed(r.c, i))
		}
	}
}

// change makes a change in a file as an editor would.
func (r *reader) change(b block) {
	r.t.Helper()
	path := filepath.Join(r.dir, b.where)
	text, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	changed, once := b.changed(string(text))
	if !once {
		r.t.Fatalf("block at line %d changes no place in %s, or several:\n%s", b.line, b.where, text)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// start leaves a command running in the second terminal, until its hosts serve.
func (r *reader) start(command string) {
	r.t.Helper()
	r.second, r.ended = r.shell(context.Background(), command), make(chan error, 1)
	r.second.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.second.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(r.second, r.ended)
	eventually(r.t, "the hosts of "+command, func() bool {
		if len(r.ended) > 0 {
			r.t.Fatalf("%s ended: %v", command, <-r.ended)
		}
		return r.shell(r.t.Context(), hostProgram(r.t)+" status --check").Run() == nil
	})
}

// interrupt is a Ctrl-C in the second terminal, after which its prompt comes back.
func (r *reader) interrupt() {
	r.t.Helper()
	if err := syscall.Kill(-r.second.Process.Pid, syscall.SIGINT); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "the end of the hosts", func() bool { return len(r.ended) == 1 })
	r.second = nil
}
