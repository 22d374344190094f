package pebble

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/section"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

const (
	minBytes            = 1 << 20
	maxBytes            = 1 << 30
	defaultMemtable     = 16 << 20
	defaultCacheBytes   = 16 << 20
	defaultMaxOpenFiles = 500
	// defaultMinFree is eight tables of the default size: about what pebble may
	// write before it deletes anything.
	defaultMinFree = 128 << 20
)

// config is the backend's section of the host's configuration.
type config struct {
	// MemtableBytes is how much pebble gathers in memory before it writes a
	// table; up to two of them are alive at a time.
	MemtableBytes int64 `yaml:"memtable_bytes"`
	// CacheBytes bounds the cache of table blocks.
	CacheBytes int64 `yaml:"cache_bytes"`
	// MinFreeBytes is the free space below which the store is short of it; 0 is
	// never. Nil is defaultMinFree, where the system can tell how much is free.
	MinFreeBytes *int64 `yaml:"min_free_bytes"`
}

const configSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "storage backend pebble",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "memtable_bytes": {
      "description": "Size in bytes of the tables in memory, and of the write-ahead log behind each.",
      "type": "integer",
      "minimum": 1048576,
      "maximum": 1073741824,
      "default": 16777216
    },
    "cache_bytes": {
      "description": "Most bytes of table blocks that are cached for reads.",
      "type": "integer",
      "minimum": 1048576,
      "maximum": 1073741824,
      "default": 16777216
    },
    "min_free_bytes": {
      "description": "Free space in bytes on the file system of the log below which the store is short of space, so that the host refuses proposals before the disk is full. 0 is never.",
      "type": "integer",
      "minimum": 0,
      "maximum": 1152921504606846976,
      "default": 134217728
    }
  }
}
`

// parseConfig reads a config section strictly; an empty one gives the
// defaults.
func parseConfig(text []byte) (config, error) {
	c := config{MemtableBytes: defaultMemtable, CacheBytes: defaultCacheBytes}
	if err := section.Decode(text, &c); err != nil {
		return config{}, err
	}
	for key, n := range map[string]int64{"memtable_bytes": c.MemtableBytes, "cache_bytes": c.CacheBytes} {
		if n < minBytes || n > maxBytes {
			return config{}, fmt.Errorf("%w: %s: %d is not between %d and %d", plugins.ErrInvalidConfig, key, n, minBytes, maxBytes)
		}
	}
	if c.MinFreeBytes != nil {
		if err := freespace.Check(*c.MinFreeBytes); err != nil {
			return config{}, err
		}
	}
	return c, nil
}

// floor is what the store watches the disk with.
func (c config) floor(fs vfs.FS) (*freespace.Floor, error) {
	if c.MinFreeBytes != nil {
		return freespace.NewFloor(fs, *c.MinFreeBytes)
	}
	if _, err := fs.Free(); errors.Is(err, errors.ErrUnsupported) {
		return freespace.NewFloor(fs, 0)
	}
	return freespace.NewFloor(fs, defaultMinFree)
}
