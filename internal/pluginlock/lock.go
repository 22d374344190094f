package pluginlock

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/internal/onedocument"
)

// The bounds of a lock, and its format.
const (
	maxLockBytes = 1 << 20
	maxEntries   = 1000
	lockFormat   = 1
)

// preamble is for those who open the file.
const preamble = "# Which plugins the catalog has, and which of them are in use. host plugin add, pin\n" +
	"# and remove write this file.\n"

// A document is what the file of a lock has.
type document struct {
	Format  int     `yaml:"format"`
	Plugins []Entry `yaml:"plugins"`
}

// decode reads the text of a lock. The errors name the line.
func decode(text []byte) ([]Entry, error) {
	var d document
	if found, err := onedocument.Decode(text, &d); err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "yaml: "))
	} else if !found {
		return nil, fmt.Errorf("line 1: it holds nothing")
	}
	if d.Format != lockFormat {
		return nil, fmt.Errorf("line 1: its format is %d, and this build reads %d", d.Format, lockFormat)
	}
	lines := entryLines(text)
	if len(d.Plugins) > maxEntries {
		return nil, fmt.Errorf("line %d: more than %d versions", lines[maxEntries], maxEntries)
	}
	for i := range d.Plugins {
		e := &d.Plugins[i]
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", lines[i], err)
		}
		for j := range d.Plugins[:i] {
			if err := e.beside(&d.Plugins[j]); err != nil {
				return nil, fmt.Errorf("line %d: %w (line %d)", lines[i], err, lines[j])
			}
		}
	}
	return d.Plugins, nil
}

// beside says what two entries cannot have both.
func (e *Entry) beside(o *Entry) error {
	switch {
	case e.Kind != o.Kind || e.Name != o.Name:
		return nil
	case e.Version == o.Version:
		return fmt.Errorf("%s is there twice", e)
	case e.Pinned && o.Pinned:
		return fmt.Errorf("two versions of %s %s are pinned", e.Kind, e.Name)
	}
	return nil
}

// entryLines are the lines on which the entries of a lock begin, which has been read.
func entryLines(text []byte) (lines []int) {
	var d struct {
		Format  yaml.Node   `yaml:"format"`
		Plugins []yaml.Node `yaml:"plugins"`
	}
	_ = yaml.Unmarshal(text, &d) // it was read already
	for i := range d.Plugins {
		lines = append(lines, d.Plugins[i].Line)
	}
	return lines
}

// encode is the text of a lock: in order, so that the same plugins have the same text.
func encode(entries []Entry) ([]byte, error) {
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), a.Added.Compare(b.Added), cmp.Compare(a.Version, b.Version))
	})
	var b bytes.Buffer
	b.WriteString(preamble)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(document{lockFormat, entries}); err != nil {
		return nil, fmt.Errorf("encode the lock: %w", err)
	}
	if b.Len() > maxLockBytes {
		return nil, fmt.Errorf("%w: the lock would have more than %d bytes; remove old versions", ErrRefused, maxLockBytes)
	}
	return b.Bytes(), nil
}

// find is the version of a plugin that which names.
func find(entries []Entry, kind, name, which string) (*Entry, error) {
	var found *Entry
	var has []string
	for i := range entries {
		e := &entries[i]
		if e.Kind != kind || e.Name != name {
			continue
		}
		has = append(has, e.Version)
		switch {
		case !e.Is(which):
		case found == nil || e.Version == which:
			found = e
		case found.Version != which:
			return nil, fmt.Errorf("%w: %s names several versions of %s %s", ErrRefused, which, kind, name)
		}
	}
	switch {
	case found != nil:
		return found, nil
	case len(has) == 0:
		return nil, fmt.Errorf("%s %s is %w: add it with host plugin add", kind, name, ErrNotFound)
	}
	return nil, fmt.Errorf("%s %s %s is %w, which has %s", kind, name, which, ErrNotFound, strings.Join(has, ", "))
}
