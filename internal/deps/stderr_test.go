package deps

import (
	"path/filepath"
	"strings"
	"testing"
)

// A write to the process's standard error or output waits for its reader. On
// the host's side only main names them; everything else is given a writer or a
// logger, which in a host that serves is the sink of internal/logsink.
func TestOnlyMainNamesTheStandardStreams(t *testing.T) {
	checked := 0
	seen := map[string]bool{}
	for _, e := range readTree(t, filepath.Join("..", "..")) {
		if e.test || seen[e.file] || !matches(e.pkg, []string{"core/...", "internal/...", "cmd/host/..."}) || e.file == "cmd/host/main.go" {
			continue
		}
		seen[e.file] = true
		checked++
		for _, name := range standardStreams(t, filepath.Join("..", "..", e.file)) {
			t.Errorf("%s names %s: write to what the caller gives, or log", e.file, name)
		}
	}
	if checked < 100 {
		t.Fatalf("looked at %d files only", checked)
	}
}

// standardStreams lists what a file says of os.Stderr and os.Stdout, and its
// calls that print there.
func standardStreams(t *testing.T, path string) (found []string) {
	t.Helper()
	for _, name := range selectors(t, path) {
		if name == "os.Stderr" || name == "os.Stdout" || strings.HasPrefix(name, "fmt.Print") {
			found = append(found, name)
		}
	}
	return found
}
