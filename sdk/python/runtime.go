// Package python has the runtime for plugins in Python: the folder pontoon, which
// "host plugin new" copies into the folders that it makes.
package python

import (
	"embed"
	"io/fs"

	"github.com/pontoon-raft/pontoon/sdk/wire"
)

//go:embed pontoon/*.py pontoon/*/*.py
var files embed.FS

// Files has the runtime by the names of its files, below the folder pontoon. Its wire.binpb
// has the messages of the protocol.
func Files() (map[string][]byte, error) {
	made := map[string][]byte{"pontoon/wire.binpb": wire.Descriptors()}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			made[name], err = files.ReadFile(name)
		}
		return err
	})
	return made, err
}
