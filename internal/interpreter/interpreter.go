// Package interpreter finds the interpreters of other languages for tests, which are
// skipped where there is none.
package interpreter

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Python is the path of an interpreter with the packages grpc and google.protobuf (in
// Debian python3-grpcio, which brings the other).
func Python(t testing.TB) string {
	t.Helper()
	return find(t, "python3 with the packages grpc and google.protobuf", "python3", "-c", "import grpc, google.protobuf")
}

// Node is the path of a Node that has what the runtime needs.
func Node(t testing.TB) string {
	t.Helper()
	return find(t, "node of version 20.15 or later", "node", "-e", "require('zlib').crc32('')")
}

// find skips the test unless a program of that name ends well with these arguments: the
// one that the search path has, or that of the system.
func find(t testing.TB, what, name string, trial ...string) string {
	t.Helper()
	var tried []string
	for _, name := range []string{name, "/usr/bin/" + name} {
		path, err := exec.LookPath(name)
		if err == nil {
			path, err = filepath.EvalSymlinks(path)
		}
		if err == nil {
			err = exec.CommandContext(t.Context(), path, trial...).Run()
		}
		if err == nil {
			return path
		}
		tried = append(tried, fmt.Sprintf("%s: %v", name, err))
	}
	t.Skipf("no %s: %s", what, strings.Join(tried, "; "))
	return ""
}
