//go:build linux

package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func script(t *testing.T, dir, name, says string) (path, sum string) {
	t.Helper()
	text := []byte("#!/bin/sh\necho " + says + "\n")
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(text)
	return path, hex.EncodeToString(digest[:])
}

// program is a file that is not a script, and is not executed here.
func program(t *testing.T, dir, name, says string) (path, sum string) {
	t.Helper()
	text := []byte("\x7fELF " + says)
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(text)
	return path, hex.EncodeToString(digest[:])
}

func TestTheFileThatWasCheckedIsTheFileThatRuns(t *testing.T) {
	dir := t.TempDir()
	path, sum := script(t, dir, "plugin", "checked")
	exe, err := openExecutable(path, sum)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.close()
	other, _ := script(t, dir, "other", "swapped")
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	out, err := exe.command([]string{path}).Output()
	if err != nil || string(out) != "checked\n" {
		t.Errorf("ran %q, %v", out, err)
	}
}

// A program runs whatever numbers its descriptor and those of its streams have. With the
// one above the streams', and lower ones free, the child had a pipe of the runtime there:
// its start failed with "permission denied", which no further try mends.
func TestAProgramRunsWhateverItsDescriptorIs(t *testing.T) {
	path, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	var opened []*os.File
	open := func() *os.File {
		f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		opened = append(opened, f)
		return f
	}
	for range 8 { // for the pipe of the runtime, below the streams
		open()
	}
	var exe *executable
	var stream *os.File
	for exe == nil || exe.file.Fd() != stream.Fd()+1 {
		stream = open()
		if exe, err = openExecutable(path, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(exe.close)
	}
	for _, f := range opened[:8] {
		f.Close()
	}
	if err := exe.stepAside(stream, stream, stream); err != nil {
		t.Fatal(err)
	}
	cmd := exe.command([]string{path})
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stream, stream, stream
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}

// A host that may have few descriptors starts its plugins all the same: none further up is
// needed where the program's is out of the way, or a lower one is free.
func TestAProgramRunsNearTheLimitOfDescriptors(t *testing.T) {
	path, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	open := func() *os.File {
		f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	for name, below := range map[string]bool{"below its streams": true, "above its streams": false} {
		lower := open()
		var exe *executable
		var stream *os.File
		for exe == nil || !below && exe.file.Fd() != stream.Fd()+1 || below && exe.file.Fd() > stream.Fd() {
			if below {
				if exe, err = openExecutable(path, ""); err == nil {
					stream = open()
				}
			} else {
				stream = open()
				exe, err = openExecutable(path, "")
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(exe.close)
		}
		lower.Close()
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		few := limit
		few.Cur = uint64(stream.Fd()) + clearance
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
			t.Fatal(err)
		}
		err := exe.stepAside(stream, stream, stream)
		if again := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); again != nil {
			t.Fatal(again)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		cmd := exe.command([]string{path})
		cmd.Stdin, cmd.Stdout, cmd.Stderr = stream, stream, stream
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFileWrittenToAfterItsCheckIsNoticed(t *testing.T) {
	path, sum := program(t, t.TempDir(), "plugin", "checked")
	exe, err := openExecutable(path, sum)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.close()
	if err := exe.unchanged(); err != nil {
		t.Fatalf("before: %v", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("echo more\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := exe.unchanged(); err == nil {
		t.Error("a longer file passes for the one that was checked")
	}
}

// A link to the file changes its inode's time and not a byte of it. Bytes that
// were changed are noticed though size and time are as before.
func TestALinkToTheFileIsNoChange(t *testing.T) {
	dir := t.TempDir()
	path, sum := program(t, dir, "plugin", "checked")
	exe, err := openExecutable(path, sum)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.close()
	if err := os.Link(path, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := exe.unchanged(); err != nil {
		t.Errorf("after a link was made: %v", err)
	}
	program(t, dir, "plugin", "CHECKED")
	if err := os.Chtimes(path, exe.checked.ModTime(), exe.checked.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := exe.unchanged(); err == nil || !strings.Contains(err.Error(), "sha256") {
		t.Errorf("after its bytes were changed: %v", err)
	}
}

// Without /proc nothing can be started; the error says what to do.
func TestAHostWithoutProcSaysSo(t *testing.T) {
	_, err := procExecutable(filepath.Join(t.TempDir(), "self", "exe"))
	if !errors.Is(err, ErrPermanent) || !strings.Contains(err.Error(), "mount -t proc") {
		t.Errorf("got %v", err)
	}
}

func TestOpeningAFIFODoesNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := openExecutable(path, strings.Repeat("0", 64))
	if !isPermanentFile(err) || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("open: %v", err)
	}
}

func TestPassingTroubleOfTheSystemIsNotPermanent(t *testing.T) {
	for _, number := range []syscall.Errno{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ETXTBSY} {
		var wrong misconfigured
		if err := execError(&os.PathError{Op: "fork/exec", Path: "/proc/self/fd/9", Err: number}); errors.As(err, &wrong) || strings.Contains(err.Error(), "/proc") {
			t.Errorf("%v: %v", number, err)
		}
	}
}
