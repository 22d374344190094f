package pontoontest

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/pontoon-raft/pontoon"

// hostProgram is the path of the host program, which is built if none is named.
func hostProgram(t testing.TB, dir string, o Options) string {
	t.Helper()
	if path := cmp.Or(o.Host, os.Getenv("PONTOON_HOST")); path != "" {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	source, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("no host program: set PONTOON_HOST, or require %s in go.mod: %v", module, err)
	}
	path := filepath.Join(dir, "host")
	build := exec.Command("go", "build", "-o", path, "./cmd/host")
	build.Dir = strings.TrimSpace(string(source))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the host program: %v\n%s", err, out)
	}
	return path
}
