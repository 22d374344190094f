package pluginrecord

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Bounds of the options, and what holds where they are zero.
const (
	MinFileBytes     = 1 << 20
	MaxFileBytes     = 64 << 30
	DefaultFileBytes = 64 << 20
	MinFiles         = 1
	MaxFiles         = 1000
	DefaultFiles     = 4
)

// Options say where a plugin is recorded, and how much of it is kept.
type Options struct {
	// Path is that of the file that is written. The ones before it have its name and a
	// number.
	Path string
	// MaxFileBytes is how long a file grows, but for a single message that is longer.
	// MaxFiles is how many of that length there are at most; the oldest one is removed. There
	// are more if they are shorter, and never more than the constant MaxFiles.
	MaxFileBytes int64
	MaxFiles     int
}

// Check says what is wrong with the options.
func (o Options) Check() error {
	o = o.WithDefaults()
	switch {
	case o.Path == "":
		return errors.New("the record of a plugin has no path")
	case filepath.Base(o.Path) == "." || filepath.Base(o.Path) == string(filepath.Separator):
		return fmt.Errorf("%q is not the path of a file", o.Path)
	case o.MaxFileBytes < MinFileBytes || o.MaxFileBytes > MaxFileBytes:
		return fmt.Errorf("files of %d bytes; they may have from %d to %d", o.MaxFileBytes, int64(MinFileBytes), int64(MaxFileBytes))
	case o.MaxFiles < MinFiles || o.MaxFiles > MaxFiles:
		return fmt.Errorf("%d files; there may be from %d to %d", o.MaxFiles, MinFiles, MaxFiles)
	}
	return nil
}

// WithDefaults puts the defaults in the place of zeros.
func (o Options) WithDefaults() Options {
	o.MaxFileBytes = cmp.Or(o.MaxFileBytes, DefaultFileBytes)
	o.MaxFiles = cmp.Or(o.MaxFiles, DefaultFiles)
	return o
}

// Of says what a record is of.
type Of struct {
	Kind plugins.Kind
	// Host is the version of the host.
	Host string
	// Logger is told of gaps and failures. It must not wait.
	Logger *slog.Logger
}
