package python

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

var update = flag.Bool("update", false, "write pontoon/wire.binpb")

// The runtime speaks the protocol of the .proto files of this tree.
func TestTheDescriptorsAreThoseOfTheProtoFiles(t *testing.T) {
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{filepath.Join("..", "..", "api")}}}
	linked, err := compiler.Compile(t.Context(), "pontoon/plugin/v1/plugin.proto", "pontoon/plugin/v1/statemachine.proto")
	if err != nil {
		t.Fatal(err)
	}
	var want, got descriptorpb.FileDescriptorSet
	for _, file := range linked {
		want.File = append(want.File, protoutil.ProtoFromFileDescriptor(file))
	}
	path := filepath.Join("pontoon", "wire.binpb")
	if *update {
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(&want)
		if err == nil {
			err = os.WriteFile(path, raw, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	raw, err := os.ReadFile(path)
	if err == nil {
		err = proto.Unmarshal(raw, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&got, &want) {
		t.Error("wire.binpb is not what the .proto files say: run go generate ./sdk/python")
	}
}

// The runtime's own tests, in Python.
func TestInPython(t *testing.T) {
	for _, pattern := range []string{"pontoon/*.*", "testdata/*.py", "../../docs/plugins/python.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no %s, %v", pattern, err)
		}
		for _, name := range names { // go test runs these again when one of them has changed
			if _, err := os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(interpreter(t), "-W", "error::SyntaxWarning", "-m", "unittest", "discover", "-s", "testdata")
	cmd.Env = append(os.Environ(), "PYTHONPATH=.", "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if !strings.Contains(string(out), "OK") || strings.Contains(string(out), "Ran 0 tests") {
		t.Errorf("no tests ran:\n%s", out)
	}
}

// interpreter is one that has the packages grpc and google.protobuf (in Debian:
// python3-grpcio and python3-protobuf).
func interpreter(t *testing.T) string {
	t.Helper()
	var tried []string
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		err := exec.Command(name, "-c", "import grpc, google.protobuf").Run()
		if err == nil {
			return name
		}
		tried = append(tried, fmt.Sprintf("%s: %v", name, err))
	}
	t.Skipf("no python3 with the packages grpc and google.protobuf: %s", strings.Join(tried, "; "))
	return ""
}
