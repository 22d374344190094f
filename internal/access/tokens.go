package access

import (
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/repeats"
)

// tokens are those that a running host accepts: the content of the file, as it was
// when it could be read last.
type tokens struct {
	path   string
	logger *slog.Logger
	byID   atomic.Pointer[map[string]known]

	mu   sync.Mutex  // of seen
	seen fs.FileInfo // the file of the last attempt; nil if there was none
	// broken is why the file could not be read last; "" if it could.
	broken atomic.Pointer[string]
}

// openTokens reads the file for the first time. There is nothing to fall back to
// then, so what is wrong with the file is an error.
func openTokens(path string, logger *slog.Logger) (*tokens, error) {
	t := &tokens{path: path, logger: logger}
	f, info, err := readTokenFile(path)
	if err != nil {
		return nil, err
	}
	t.byID.Store(&f.byID)
	t.seen = info
	return t, nil
}

// find is the token of that id.
func (t *tokens) find(id string) (known, bool) {
	k, ok := (*t.byID.Load())[id]
	return k, ok
}

// reload reads the file again if it has changed. A file that cannot be read
// leaves the tokens as they are: a half-finished edit must not lock all clients
// out. It is said once for each such file, and shown as long as it lasts.
func (t *tokens) reload() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, err := os.Stat(t.path)
	if err == nil && same(t.seen, now) && t.broken.Load() == nil {
		return
	}
	f, info, err := readTokenFile(t.path)
	t.seen = info
	if err == nil {
		t.byID.Store(&f.byID)
		t.broken.Store(nil)
		t.logger.Info("tokens were read again", "file", t.path, "tokens", len(f.Tokens))
		return
	}
	if was := t.broken.Load(); was == nil || *was != err.Error() {
		t.logger.Warn("the file of tokens cannot be used; those of before stay valid, and none is revoked until it is repaired",
			"file", t.path, "error", err)
	}
	text := err.Error()
	t.broken.Store(&text)
}

// same reports whether both tell of one content, as far as that shows.
func same(a, b fs.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// warning says what is wrong with the file; "" if nothing is.
func (t *tokens) warning() string {
	if why := t.broken.Load(); why != nil {
		return *why
	}
	return ""
}

// A missLog counts tokens that were presented and are not accepted, and says so in
// the log, at most once in missEvery: a client that goes on trying must not fill it.
type missLog struct {
	logger *slog.Logger
	total  atomic.Uint64
	line   repeats.Line
}

const missEvery = 10 * time.Second

// note takes one miss. The token itself is never written anywhere.
func (m *missLog) note(now time.Time, address, why string) {
	m.total.Add(1)
	if times, due := m.line.Note(now, missEvery); due {
		m.logger.Warn("a token was refused", "client", address, "why", why, "refused_since_the_last_such_line", times)
	}
}
