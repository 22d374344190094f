//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// coreUse is for how long the threads of a process had a core, and for how long they
// could have used one and waited, since a moment.
type coreUse struct {
	t           testing.TB
	what        string
	pid         int
	ran, waited time.Duration // until that moment
}

// watchCores begins to measure.
func watchCores(t testing.TB, what string, pid int) *coreUse {
	u := &coreUse{t: t, what: what, pid: pid}
	u.ran, u.waited = u.sums()
	return u
}

// sums adds up what the kernel says of each thread; those that have ended are missing.
func (u *coreUse) sums() (ran, waited time.Duration) {
	u.t.Helper()
	files, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(u.pid), "task", "*", "schedstat"))
	if err != nil {
		u.t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		var r, w int64
		if _, err := fmt.Sscan(string(raw), &r, &w); err != nil {
			u.t.Fatalf("%s: %q: %v", file, strings.TrimSpace(string(raw)), err)
		}
		ran, waited = ran+time.Duration(r), waited+time.Duration(w)
	}
	return ran, waited
}

// String says it of the time since the moment.
func (u *coreUse) String() string {
	ran, waited := u.since()
	return fmt.Sprintf("%s had a core for %.1fs and waited %.1fs for one", u.what, ran.Seconds(), waited.Seconds())
}

// per says it too, and how long they had a core for each of so many writes.
func (u *coreUse) per(writes int) string {
	ran, _ := u.since()
	return fmt.Sprintf("%s; for each of %d writes it had one for %v", u, writes, (ran / time.Duration(max(writes, 1))).Round(time.Microsecond))
}

func (u *coreUse) since() (ran, waited time.Duration) {
	ran, waited = u.sums()
	return ran - u.ran, waited - u.waited
}
