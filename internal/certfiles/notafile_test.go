//go:build unix

package certfiles

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pipe in the place of a file is said to be wrong, and nothing waits for its
// writer: neither a handshake nor the end of the host.
func TestAPipeInPlaceOfAFileIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := func(texts []string) (string, error) { return texts[0], nil }
	s, err := Open([]File{{Key: "api.tls.cert", Path: path}}, build, func(string) time.Time { return time.Time{} }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s.checked = time.Now().Add(-Recheck)
	looked := make(chan string)
	go func() { looked <- s.Get() }()
	select {
	case text := <-looked:
		if text != "one" {
			t.Errorf("it is %q now", text)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("a handshake waits for a writer of the pipe")
	}
	if !strings.Contains(s.problem, "api.tls.cert") || !strings.Contains(s.problem, "is not a file") {
		t.Errorf("the problem is %q", s.problem)
	}
}
