package wire

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

var update = flag.Bool("update", false, "write wire.binpb")

// The runtimes speak the protocol of the .proto files of this tree.
func TestTheDescriptorsAreThoseOfTheProtoFiles(t *testing.T) {
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{filepath.Join("..", "..", "api")}}}
	var files []string // each after those that it imports
	for _, name := range []string{"plugin", "raft", "statemachine", "storage", "transport"} {
		files = append(files, "pontoon/plugin/v1/"+name+".proto")
	}
	linked, err := compiler.Compile(t.Context(), files...)
	if err != nil {
		t.Fatal(err)
	}
	var want, got descriptorpb.FileDescriptorSet
	for _, file := range linked {
		want.File = append(want.File, protoutil.ProtoFromFileDescriptor(file))
	}
	if *update {
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(&want)
		if err == nil {
			err = os.WriteFile("wire.binpb", raw, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := proto.Unmarshal(Descriptors(), &got); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&got, &want) {
		t.Error("wire.binpb is not what the .proto files say: run go generate ./sdk/wire")
	}
}
