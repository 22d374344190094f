package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An interpreter reads a script long after the host has checked it. It reads
// the checked bytes, also if the file is written to in between, in place,
// which no later look at a file that was executed would undo.
func TestTheScriptThatWasCheckedIsTheOneThatIsRead(t *testing.T) {
	dir := t.TempDir()
	path, sum := script(t, dir, "plugin", "checked")
	exe, err := openExecutable(path, sum)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.close()
	script(t, dir, "plugin", "written")
	out, err := exe.command([]string{path}).Output()
	if err != nil || string(out) != "checked\n" {
		t.Errorf("ran %q, %v", out, err)
	}
	if err := exe.unchanged(); err != nil {
		t.Errorf("what runs is as it was: %v", err)
	}
	if _, err := exe.sealed.WriteAt([]byte("#"), 0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("writing to the copy: %v, want EPERM", err)
	}
	if _, err := openExecutable(path, sum); !isPermanentFile(err) || !strings.Contains(err.Error(), "sha256") {
		t.Errorf("the script that was written: %v", err)
	}
}

// A script is told where it was found: its own name for itself is that of a
// descriptor.
func TestAScriptIsToldWhereItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho $PONTOON_PLUGIN_FILE\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	exe, err := openExecutable(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.close()
	cmd := exe.command([]string{path})
	cmd.Env = exe.environment([]string{"A=b"})
	if out, err := cmd.Output(); err != nil || string(out) != path+"\n" {
		t.Errorf("ran %q, %v", out, err)
	}
}

// A script has a limit: it is copied into memory.
func TestAnEndlessScriptIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin")
	err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755)
	if err == nil {
		err = os.Truncate(path, maxScriptBytes+1)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openExecutable(path, ""); !isPermanentFile(err) || !strings.Contains(err.Error(), "at most") {
		t.Errorf("got %v", err)
	}
}
