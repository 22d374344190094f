package core

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// killed are the calls over which a state machine is ended.
func killed(apply time.Duration, restore server.RestoreStall, election time.Duration) (list []string) {
	for _, s := range stalls(apply, restore, election) {
		if s.since >= s.kill {
			list = append(list, s.text)
		}
	}
	return list
}

// A Restore that stands still is given up as an Apply is that hangs, and later if
// there is much to restore: a state machine may do its work when it has everything.
func TestWhatIsTakenForHung(t *testing.T) {
	const election = time.Second
	_, patience := applyLimits(election)
	for _, tc := range []struct {
		name    string
		apply   time.Duration
		restore server.RestoreStall
		want    string
	}{
		{"nothing", 0, server.RestoreStall{}, ""},
		{"a slow apply", patience - 1, server.RestoreStall{}, ""},
		{"an apply that hangs", patience, server.RestoreStall{}, "apply"},
		{"a slow restore", 0, server.RestoreStall{Bytes: 100, For: patience - 1}, ""},
		{"a restore that hangs", 0, server.RestoreStall{Bytes: 100, Read: 50, For: patience}, "taken 50 of 100 bytes"},
		{"a large restore that works on", 0, server.RestoreStall{Bytes: 1 << 30, Read: 1 << 30, For: 1023 * time.Second}, ""},
		{"a large restore that hangs", 0, server.RestoreStall{Bytes: 1 << 30, Read: 1 << 30, For: patience + 1024*time.Second}, "taken 1073741824 of"},
	} {
		got := strings.Join(killed(tc.apply, tc.restore, election), "; ")
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: ended over %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A Restore has time by the size of its snapshot, and never without end: the size is the
// storage's word.
func TestARestoreHasTimeByItsSize(t *testing.T) {
	for bytes, want := range map[uint64]time.Duration{
		0: 40 * time.Second, 100 << 20: 140 * time.Second, 1 << 62: 24*time.Hour + 40*time.Second, math.MaxUint64: 24*time.Hour + 40*time.Second,
	} {
		if warn, kill := restoreLimits(time.Second, bytes); kill != want || warn != want/2 {
			t.Errorf("%d bytes: warned after %v and ended after %v, want %v", bytes, warn, kill, want)
		}
	}
}
