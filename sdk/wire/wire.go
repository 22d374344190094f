// Package wire has the messages of the plugin protocol as descriptors, for the runtimes of
// other languages: with them an author needs neither protoc nor generated code.
//
// wire.binpb is a FileDescriptorSet of the .proto files of the protocol. go generate writes
// it, and a test holds it against them.
package wire

import (
	_ "embed"
	"slices"
)

//go:generate go test . -count=1 -run ^TestTheDescriptorsAreThoseOfTheProtoFiles$ -update

//go:embed wire.binpb
var descriptors []byte

// Descriptors returns the FileDescriptorSet. The slice belongs to the caller.
func Descriptors() []byte { return slices.Clone(descriptors) }
