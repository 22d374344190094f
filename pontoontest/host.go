package pontoontest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const module = "github.com/pontoon-raft/pontoon"

// hostProgram is the path of the host program, which is built if none is named.
func hostProgram(t testing.TB, dir string, o Options) string {
	t.Helper()
	if path := cmp.Or(o.Host, os.Getenv("PONTOON_HOST")); path != "" {
		path, err := exec.LookPath(path)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			t.Fatalf("no host program: %v", err)
		}
		return path
	}
	source, err := sourceOf(module)
	if err != nil {
		t.Fatalf("no host program: set PONTOON_HOST, or require %s in go.mod: %v", module, err)
	}
	path := filepath.Join(dir, "host")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	build := exec.Command("go", "build", "-o", path, "./cmd/host")
	// The workspace and the flags of the test's module are not meant for that one.
	build.Dir, build.Env = source, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the host program in %s: %v\n%s", source, err, out)
	}
	return path
}

// sourceOf is the folder of a module that the test's own one requires.
func sourceOf(module string) (string, error) {
	out, err := exec.Command("go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module).Output()
	var said *exec.ExitError
	if errors.As(err, &said) {
		return "", fmt.Errorf("%w: %s", err, said.Stderr)
	}
	if err != nil {
		return "", err
	}
	source := strings.TrimSpace(string(out))
	if source == "" {
		return "", fmt.Errorf("its source is not on this machine: go mod download %s", module)
	}
	return source, nil
}
