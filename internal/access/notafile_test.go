//go:build unix

package access

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pipe in the place of the file of tokens is not waited for as a file that comes
// later: it is said to be broken, and nothing waits for its writer.
func TestAPipeInPlaceOfTheTokensIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	if _, _, err := CreateToken(path, "app", Read, time.Time{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	tokens, err := openTokens(path, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	looked := make(chan struct{})
	go func() {
		tokens.reload()
		close(looked)
	}()
	select {
	case <-looked:
	case <-time.After(5 * time.Second):
		t.Fatal("the host waits for a writer of the pipe")
	}
	if tokens.warning() == "" || len(*tokens.byID.Load()) != 1 {
		t.Errorf("warning %q, %d tokens", tokens.warning(), len(*tokens.byID.Load()))
	}
}
