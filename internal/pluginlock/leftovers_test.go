//go:build unix

package pluginlock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Leftovers of a command that was cut short are found in a directory of any name.
func TestLeftoversAreRemovedFromADirectoryOfAnyName(t *testing.T) {
	for _, name := range []string{"plugins", "plugins[1]", "plugins[", "*", "a b"} {
		c, err := At(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		mustAdd(t, c, "1.0", "one")
		if err := os.WriteFile(filepath.Join(c.Dir(), ".new-7"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		mustAdd(t, c, "2.0", "two")
		if _, left, err := c.Verify(t.Context()); err != nil || len(left) != 0 {
			t.Errorf("%s: %v, %v", name, left, err)
		}
	}
}

// A lock that cannot be written leaves nothing of the version that was to be in it.
func TestAVersionThatDoesNotGetIntoTheLockLeavesNoFile(t *testing.T) {
	c := newCatalog(t)
	mustAdd(t, c, "1.0", "one")
	long := make([]string, maxArguments)
	for i := range long {
		long[i] = strings.Repeat("a", maxArgument)
	}
	var err error
	for i := 2; err == nil && i < 20; i++ {
		_, _, err = added(t, c, fmt.Sprintf("%d.0", i), fmt.Sprint(i), long...)
	}
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "the lock would have more") {
		t.Fatalf("the lock has no bound: %v", err)
	}
	if _, left, err := c.Verify(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// A command on a catalog that is not there makes none.
func TestOnlyAddMakesACatalog(t *testing.T) {
	c := newCatalog(t)
	_, pinned := c.Pin(t.Context(), "storage", "tape", "1")
	_, removed := c.Remove("storage", "tape", "1")
	if _, err := os.Stat(c.Dir()); !errors.Is(pinned, fs.ErrNotExist) || !errors.Is(removed, fs.ErrNotExist) || err == nil {
		t.Errorf("pin: %v; remove: %v; the directory: %v", pinned, removed, err)
	}
}

// A repair puts another file in the place of the one that a host runs, which is held all the
// same.
func TestARepairedVersionIsHeldByThoseWhoRunIt(t *testing.T) {
	c := newCatalog(t)
	one := mustAdd(t, c, "1.0", "one")
	mustAdd(t, c, "2.0", "two")
	held, err := Hold(c.File(&one))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	damage(t, c.File(&one))
	if _, done, err := added(t, c, "1.0", "one"); done != Repaired {
		t.Fatalf("%s, %v", done, err)
	}
	if _, err := c.Pin(t.Context(), "statemachine", "ledger", "2.0"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Remove("statemachine", "ledger", "1.0"); !errors.Is(err, ErrInUse) {
		t.Errorf("it is removed: %v", err)
	}
}

// A file that no user may execute is one that no host starts.
func TestVerifyNamesAFileThatCannotBeExecuted(t *testing.T) {
	c := newCatalog(t)
	e := mustAdd(t, c, "1.0", "one")
	if err := os.Chmod(c.File(&e), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, all, err := c.Verify(t.Context()); err != nil || len(all) != 1 || !strings.Contains(all[0].Text, "execute") {
		t.Errorf("%v, %v", all, err)
	}
	if _, done, err := added(t, c, "1.0", "one"); done != Repaired {
		t.Errorf("a repair: %s, %v", done, err)
	}
	if _, all, err := c.Verify(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("after the repair: %v, %v", all, err)
	}
}

// A verification ends when it is interrupted, names no more than it can hold, and does not
// take the files of a command that is at work for differences.
func TestAVerificationIsBounded(t *testing.T) {
	c := newCatalog(t)
	e := mustAdd(t, c, "1.0", "one")
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	if _, all, err := c.Verify(interrupted); !errors.Is(err, context.Canceled) || len(all) != 0 {
		t.Errorf("interrupted: %v, %v", all, err)
	}
	if _, err := c.Stage(interrupted, c.File(&e)); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted copy: %v", err)
	}
	s, err := c.Stage(t.Context(), c.File(&e))
	if err != nil {
		t.Fatal(err)
	}
	if _, all, err := c.Verify(t.Context()); !errors.Is(err, ErrInUse) || len(all) != 0 {
		t.Errorf("beside an add: %v, %v", all, err)
	}
	s.Discard()
	ch, err := c.change()
	if err != nil {
		t.Fatal(err)
	}
	damage(t, c.File(&e)) // as a removal that is half done, or a repair
	if _, all, err := c.Verify(t.Context()); !errors.Is(err, ErrInUse) || len(all) != 0 {
		t.Errorf("beside a change: %v, %v", all, err)
	}
	ch.end()
	if _, all, err := c.Verify(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("after it: %v, %v", all, err)
	}
	if _, done, err := added(t, c, "1.0", "one"); done != Repaired {
		t.Fatalf("%s, %v", done, err)
	}
	for i := range maxStrays + 10 {
		if err := os.WriteFile(filepath.Join(c.Dir(), fmt.Sprintf("stray-%d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, all, err := c.Verify(t.Context()); err != nil || len(all) != maxStrays || !strings.Contains(all[maxStrays-1].Text, "may be more") {
		t.Errorf("%d differences, %v", len(all), err)
	}
}

// A lock that is a FIFO is answered, and not waited for.
func TestALockThatIsNoFileIsNotWaitedFor(t *testing.T) {
	c := newCatalog(t)
	mustAdd(t, c, "1.0", "one")
	if err := errors.Join(os.Remove(c.lockPath()), syscall.Mkfifo(c.lockPath(), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pinned("statemachine", "ledger"); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}
