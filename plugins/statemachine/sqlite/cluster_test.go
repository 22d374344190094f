//go:build linux

package sqlite

import (
	"bytes"
	"context"
	"flag"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var whole = flag.Bool("sqlite.whole", false, "have host plugin check run all of its checks on the executable")

// program builds an executable of this repository.
func program(t *testing.T, dir, name, path string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-o", out, path)
	build.Dir = dir
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", path, err, text)
	}
	return out
}

// The executable passes the host's check: a part of it in each run, all of it with -sqlite.whole.
func TestTheExecutablePassesTheCheck(t *testing.T) {
	host := program(t, filepath.Join("..", "..", ".."), "host", "./cmd/host")
	plugin := program(t, ".", "pontoon-statemachine-sqlite", "./cmd/pontoon-statemachine-sqlite")
	given := []string{"plugin", "check", "--kind", "statemachine", "--hints", "check.yaml"}
	if !*whole {
		given = append(given, "--run", "grpc/(Lifecycle|Determinism|OnDisk)")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	var out bytes.Buffer
	check := exec.CommandContext(ctx, host, append(given, "--", plugin)...)
	check.Stdout, check.Stderr = &out, &out
	if err := check.Run(); err != nil {
		t.Errorf("host %v: %v\n%s", given, err, out.String())
	}
}
