package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/interpreter"
)

// The runtime's own tests.
func TestInNode(t *testing.T) {
	node := interpreter.Node(t)
	dir := t.TempDir()
	for _, kind := range []string{"storage", "transport"} {
		made, err := Files(kind)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range made {
			write(t, filepath.Join(dir, name), text)
		}
	}
	for _, pattern := range []string{"testdata/*.js", "../../docs/plugins/node.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no %s, %v", pattern, err)
		}
		for _, name := range names { // go test runs these again when one of them has changed
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, filepath.Base(name)), text)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if strings.Contains(string(out), "\n# pass 0\n") || !strings.Contains(string(out), "\n# pass ") {
		t.Errorf("no tests ran:\n%s", out)
	}
}

// The table of fields has what the codec goes by.
func TestTheTableOfFields(t *testing.T) {
	made, err := Files("statemachine")
	if err != nil {
		t.Fatal(err)
	}
	table := string(made["pontoon/wire.json"])
	for _, want := range []string{
		`"CloseResponse": []`,
		`"Call": [[1,"group","uint64",0],[2,"incarnation","uint64",0]]`,
		`[3,"entries","ApplyEntry",1]`,
		`[1,"chunk","bytes",2],[2,"end","StreamEnd",2]`,
		`[2,"crc32","fixed32",0]`,
		`[3,"role","uint32",0]`,
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %s:\n%s", want, table)
		}
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
