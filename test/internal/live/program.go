//go:build linux

package live

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A Program is built once for all tests of a run, when first needed.
type Program struct{ build func() (string, error) }

// A Build says what a program is made of: a package of the module at Module, with the
// build tags in Tags, for the processor Arch or, if that is empty, for that of the tests.
type Build struct{ Module, Package, Tags, Arch string }

// NewProgram is the program of a build, made in dir; with the race detector if the
// tests have it, so that a race in a host fails the test that meets it. Other
// processors than that of the tests go without.
func NewProgram(dir, name string, b Build) Program {
	return Program{sync.OnceValues(func() (string, error) {
		path := filepath.Join(dir, name)
		args := []string{"build", "-o", path, "-tags", b.Tags}
		if RaceDetector && b.Arch == "" {
			args = append(args, "-race")
		}
		cmd := exec.Command("go", append(args, b.Package)...)
		cmd.Dir = b.Module
		if b.Arch != "" {
			cmd.Env = append(os.Environ(), "GOARCH="+b.Arch, "CGO_ENABLED=0")
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, bytes.TrimSpace(out))
		}
		return path, nil
	})}
}

// Built is a program that is there already.
func Built(path string) Program { return Program{func() (string, error) { return path, nil }} }

// Path is where the program is.
func (p Program) Path(t testing.TB) string {
	t.Helper()
	path, err := p.build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Does runs a command of the host program that must succeed, and returns what it
// printed.
func (p Program) Does(t testing.TB, args ...string) string {
	t.Helper()
	out, err := Command(p.Path(t), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("host %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// PrepareRace is for TestMain: processes with the race detector would end a
// second late.
func PrepareRace() {
	if RaceDetector {
		os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
}
