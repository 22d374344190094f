package scaffold

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Write makes the folder. The runtime of the language, if it has one, is copied into it.
// It returns the paths of the files, below the folder. No file that is there is overwritten: if one is in the way,
// nothing is written.
func (p *Plan) Write(runtime map[string][]byte) ([]string, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	files, err := p.files(runtime)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		if _, err := os.Lstat(p.path(name)); err == nil {
			return nil, refusal("%s is there already: move it away, or choose another folder", p.path(name))
		}
	}
	for _, name := range names {
		if err := create(p.path(name), files[name]); err != nil {
			return nil, fmt.Errorf("make the plugin %s: %w", p.Name, err)
		}
	}
	return names, nil
}

func (p *Plan) path(name string) string { return filepath.Join(p.Dir, filepath.FromSlash(name)) }

// create writes a file that is not there.
func create(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
