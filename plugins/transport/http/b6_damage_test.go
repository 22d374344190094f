package httptransport

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// changesByte stands before a node and, while it is told to, changes one bit of each
// snapshot in the midst of its bytes.
func changesByte(t *testing.T, target string, changes *atomic.Bool) string {
	t.Helper()
	return front(t, target, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, pathSnapshot) {
			return false
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if changes.Load() && len(body) > 1<<10 {
			body[len(body)/2] ^= 1
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.WriteHeader(pass(t, target, r))
		return true
	})
}

// B6: a snapshot of which one bit changes on its way is rejected: its receiver's host
// never sees its end, and the sender hears that it failed. The same bytes unchanged are
// taken, on the same way.
func TestB6AChangedByteIsRejected(t *testing.T) {
	const size = 1 << 20
	k := newKeeper()
	_, url := openNode(t, 2, "", k)
	var changes atomic.Bool
	changes.Store(true)
	one, _ := openNode(t, 1, "", newEvents())
	connect(t, one, 2, changesByte(t, url, &changes))
	if err := one.SendSnapshot(context.Background(), snapshotTo(t, 2, size), randomBytes(size)); err == nil {
		t.Error("the sender was told that it arrived")
	}
	if len(k.taken) > 0 {
		t.Error("the receiver took it")
	}
	changes.Store(false)
	if err := one.SendSnapshot(context.Background(), snapshotTo(t, 2, size), randomBytes(size)); err != nil {
		t.Errorf("unchanged: %v", err)
	}
	want, err := io.ReadAll(randomBytes(size))
	if err != nil {
		t.Fatal(err)
	}
	if got := next(t, "the snapshot", k.taken); !bytes.Equal(got, want) {
		t.Error("the receiver took other bytes")
	}
}
