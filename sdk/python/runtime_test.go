package python

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/interpreter"
)

// The runtime's own tests, in Python.
func TestInPython(t *testing.T) {
	for _, pattern := range []string{"pontoon/*.*", "pontoon/*/*.py", "testdata/*.py", "../../docs/plugins/python.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no %s, %v", pattern, err)
		}
		for _, name := range names { // go test runs these again when one of them has changed
			if _, err := os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	made, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range made {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	tests, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(interpreter.Python(t), "-W", "error::SyntaxWarning", "-m", "unittest", "discover", "-s", tests)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if !strings.Contains(string(out), "OK") || strings.Contains(string(out), "Ran 0 tests") {
		t.Errorf("no tests ran:\n%s", out)
	}
}
