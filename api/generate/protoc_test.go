package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The .proto files compile from the tree by protoc alone, as the page for authors of plugins
// says, and without a warning.
func TestTheTreeCompilesByProtoc(t *testing.T) {
	protoc, err := exec.LookPath("protoc")
	if err != nil {
		t.Skip("this machine has no protoc; the compiler of buf, which generates the code, has compiled the same files")
	}
	api := ".."
	files, err := filepath.Glob(filepath.Join(api, "pontoon", "*", "v1", "*.proto"))
	if err != nil || len(files) < 7 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	args := append([]string{"-I", api, "--descriptor_set_out", os.DevNull}, files...)
	if out, err := exec.CommandContext(t.Context(), protoc, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
