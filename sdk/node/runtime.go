// Package node has the runtime for plugins in Node: the folder pontoon, which "host plugin
// new" copies into the folders that it makes.
package node

import (
	"embed"
	"io/fs"
)

//go:embed pontoon/*.js
var files embed.FS

// Files has the runtime by the names of its files, below the folder pontoon. Its wire.json
// has the fields of the protocol's messages.
func Files() (map[string][]byte, error) {
	fields, err := fieldTable()
	if err != nil {
		return nil, err
	}
	made := map[string][]byte{"pontoon/wire.json": fields}
	names, err := fs.Glob(files, "pontoon/*.js")
	for _, name := range names {
		if err == nil {
			made[name], err = files.ReadFile(name)
		}
	}
	return made, err
}
