// Package node has the runtime for plugins in Node: the folder pontoon, which "host plugin
// new" copies into the folders that it makes.
package node

import (
	"embed"
	"io/fs"
)

//go:embed pontoon/*.js pontoon/storage/*.js pontoon/transport/*.js
var files embed.FS

// Files has the runtime for a kind of plugins by the names of its files, below the folder
// pontoon. Its wire.json has the fields of the protocol's messages.
func Files(kind string) (map[string][]byte, error) {
	fields, err := fieldTable()
	if err != nil {
		return nil, err
	}
	made := map[string][]byte{"pontoon/wire.json": fields}
	for _, pattern := range []string{"pontoon/*.js", "pontoon/" + kind + "/*.js"} {
		names, err := fs.Glob(files, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if made[name], err = files.ReadFile(name); err != nil {
				return nil, err
			}
		}
	}
	return made, nil
}
