package memory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/pontoon-raft/pontoon/internal/storemark"
	"github.com/pontoon-raft/pontoon/plugins/section"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/dirlock"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// markName has the name that the backends with files give to the file that
// says whose data it is, so that they refuse the directory too.
const markName = storemark.Identity

const markText = "PONTMEM\x01 a memory store was here, and kept nothing\n"

// config is the backend's section of the host's configuration.
type config struct {
	// StartOver makes a store begin empty where an earlier one was.
	StartOver bool `yaml:"start_over"`
}

const configSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "storage backend memory",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "start_over": {
      "description": "Begin empty where an earlier store lost its data. Unsafe in a cluster: the member may vote twice in one term.",
      "type": "boolean",
      "default": false
    }
  }
}
`

func parseConfig(text []byte) (config, error) {
	var c config
	if err := section.Decode(text, &c); err != nil {
		return config{}, err
	}
	return c, nil
}

// hasMark reports whether a memory store was here before. A directory with
// the data of another backend is refused.
func hasMark(fsys vfs.FS) (has bool, err error) {
	f, err := fsys.Open(markName)
	if errors.Is(err, fs.ErrNotExist) {
		return false, onlyLock(fsys)
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b := make([]byte, len(markText))
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if of := storemark.Backend(b); of != "" && of != Name {
		return false, identity.OtherBackend(of, Name)
	}
	if string(b) != markText {
		return false, fmt.Errorf("%w: the file %s is none that this backend knows; the way out is to give the member a new data directory",
			storage.ErrCorrupt, markName)
	}
	return true, nil
}

func onlyLock(fsys vfs.FS) error {
	names, err := fsys.List(".")
	if err != nil {
		return err
	}
	if of := storemark.BackendOfFiles(names); of != "" {
		return identity.OtherBackend(of, Name)
	}
	for _, name := range names {
		if name != dirlock.Name {
			return fmt.Errorf("%w: the directory has a file %q of something else", storage.ErrCorrupt, name)
		}
	}
	return nil
}

// writeMark is durable on return.
func writeMark(fsys vfs.FS) error {
	f, err := fsys.Create(markName)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(markText), 0)
	if err == nil {
		err = f.SyncAll()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return fsys.SyncDir(".")
}
