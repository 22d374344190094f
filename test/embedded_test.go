//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
)

// A6: a program of another module, which can name nothing of the host's inside, runs a
// host through core: it founds a cluster, writes, reads, sees the members and stops, and
// does the same again on what it kept.
func TestA6AProgramOfAnotherModuleRunsAHost(t *testing.T) {
	t.Parallel()
	program, dir := programs.embedded.Path(t), t.TempDir()
	peer, clients := freeAddress(t), freeAddress(t)
	want := fmt.Sprintf("greeting = hello\nmember 1, n1, at http://%s\n", clients)
	for _, state := range []string{"a new directory", "what it kept"} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		out, err := exec.CommandContext(ctx, program, "-data-dir", dir, "-peer", peer, "-clients", clients).CombinedOutput()
		cancel()
		if err != nil || string(out) != want {
			t.Errorf("on %s: %v, and it says %q, want %q", state, err, out, want)
		}
	}
}
