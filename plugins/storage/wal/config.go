package wal

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/section"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
)

const (
	// minSegmentBytes is the smallest segment; a shorter file is a damaged one.
	minSegmentBytes = 16 << 10
	// maxSegmentBytes keeps every offset within 32 bits, with room for one
	// record beyond the configured size.
	maxSegmentBytes     = 1 << 30
	defaultSegmentBytes = 64 << 20
	maxReserveBytes     = 1 << 40
	// firstSegmentBytes lets a new store open without zeroing a full segment.
	firstSegmentBytes = 4 << 20
)

// config is the backend's section of the host's configuration.
type config struct {
	// SegmentBytes is the size that segments grow to.
	SegmentBytes int64 `yaml:"segment_bytes"`
	// ReserveBytes is the space set aside for a full disk; nil is one segment,
	// 0 none.
	ReserveBytes *int64 `yaml:"reserve_bytes"`
	// MinFreeBytes is the free space below which the store is short of it; 0
	// means that only a segment or a reserve that does not fit counts.
	MinFreeBytes int64 `yaml:"min_free_bytes"`
}

func (c *config) reserveBytes() int64 {
	if c.ReserveBytes == nil {
		return c.SegmentBytes
	}
	return *c.ReserveBytes
}

// configSchema is what Describe says of config. The numbers are those above.
const configSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "storage backend wal",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "segment_bytes": {
      "description": "Size in bytes that log segments grow to. Disk space is freed one segment at a time.",
      "type": "integer",
      "minimum": 16384,
      "maximum": 1073741824,
      "default": 67108864
    },
    "reserve_bytes": {
      "description": "Space in bytes that is set aside in a file and given up when the disk is full, so that the log goes on for a while. 0 sets none aside; the default is segment_bytes.",
      "type": "integer",
      "minimum": 0,
      "maximum": 1099511627776
    },
    "min_free_bytes": {
      "description": "Free space in bytes on the file system of the log below which the store is short of space, so that the host refuses proposals before the disk is full. 0 leaves it at noticing that the next segment or the reserve does not fit.",
      "type": "integer",
      "minimum": 0,
      "maximum": 1152921504606846976,
      "default": 0
    }
  }
}
`

// parseConfig reads a config section strictly; an empty one gives the
// defaults.
func parseConfig(text []byte) (config, error) {
	c := config{SegmentBytes: defaultSegmentBytes}
	if err := section.Decode(text, &c); err != nil {
		return config{}, err
	}
	if c.SegmentBytes < minSegmentBytes || c.SegmentBytes > maxSegmentBytes {
		return config{}, fmt.Errorf("%w: segment_bytes: %d is not between %d and %d",
			plugins.ErrInvalidConfig, c.SegmentBytes, minSegmentBytes, maxSegmentBytes)
	}
	if r := c.reserveBytes(); r < 0 || r > maxReserveBytes {
		return config{}, fmt.Errorf("%w: reserve_bytes: %d is not between 0 and %d",
			plugins.ErrInvalidConfig, r, int64(maxReserveBytes))
	}
	if err := freespace.Check(c.MinFreeBytes); err != nil {
		return config{}, err
	}
	return c, nil
}
