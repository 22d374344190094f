//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// A node whose file names another storage backend than its data has is
// refused with both names, and so is a check of its log; nothing says that
// sound data is damaged, or that it is to be removed. With the right name it
// goes on.
func TestDataOfAnotherBackend(t *testing.T) {
	n := newSingle(t)
	n.startReady()
	n.stop()
	both := []string{n.data, "data of the storage backend wal", "opened with memory"}
	args := append(n.args(), "--set", "plugins.storage.name=memory", "--set", "plugins.storage.isolation=inproc")
	for command, code := range map[string]int{"serve": exitFailed, "log verify": exitNotFound} {
		r := refusedWithin(t, 10*time.Second, "", append(strings.Fields(command), args...)...)
		r.says(t, code, both...)
		for _, word := range []string{"DAMAGED", "corrupt", "empty its data"} {
			if strings.Contains(r.stdout+r.stderr, word) {
				t.Errorf("%s says %q of sound data:\n%s%s", command, word, r.stdout, r.stderr)
			}
		}
	}
	n.startReady()
	n.stop()
}
