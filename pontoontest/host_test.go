package pontoontest

import (
	"os"
	"path/filepath"
	"testing"
)

// The host program may be named as in a shell, as make HOST=host does.
func TestAHostInPATH(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "host-of-a-test.exe")
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv("PONTOON_HOST", filepath.Base(path))
	if got := hostProgram(t, dir, Options{}); got != path {
		t.Errorf("the host is %s, want %s", got, path)
	}
}
