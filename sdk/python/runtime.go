// Package python has the runtime for plugins in Python: the folder pontoon, which
// "host plugin new" copies into the folders that it makes.
//
// The folder's wire.binpb has the messages of the protocol as descriptors, so that an
// author needs neither protoc nor generated code. go generate writes it.
package python

import (
	"embed"
	"io/fs"
)

//go:generate go test . -count=1 -run ^TestTheDescriptorsAreThoseOfTheProtoFiles$ -update

//go:embed pontoon/*.py pontoon/wire.binpb
var files embed.FS

// Files has the runtime, below the folder pontoon.
func Files() fs.FS { return files }
