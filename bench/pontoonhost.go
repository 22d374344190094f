package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// hostModule is the module whose command cmd/host is Pontoon's host.
const hostModule = "github.com/pontoon-raft/pontoon"

// buildHost builds the host of the source tree that this program belongs to, as its Makefile does, and
// returns the path of the executable in dir.
func buildHost(ctx context.Context, dir string) (string, error) {
	source, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", hostModule).Output()
	if err != nil {
		return "", fmt.Errorf("find the source of %s (run this in the source tree, or use -host): %w", hostModule, withStderr(err))
	}
	path := filepath.Join(dir, "host")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "./cmd/host")
	build.Dir = strings.TrimSpace(string(source))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the host: %w: %s", err, output)
	}
	return path, nil
}

// withStderr adds what a command that failed wrote to standard error.
func withStderr(err error) error {
	if exit, ok := err.(*exec.ExitError); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}
