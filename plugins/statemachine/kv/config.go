package kv

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/section"
)

// minAnswerBytes keeps a configuration from making every Range a page of one
// key.
const minAnswerBytes = 4 << 10

// The history that is kept by default and at most. The least is what a snapshot has.
const (
	defaultHistoryEvents = 128 << 10
	defaultHistoryBytes  = 16 << 20
	mostHistoryEvents    = 1 << 20
	mostHistoryBytes     = 256 << 20
)

// configSchema describes config to operators and their editors.
const configSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "kv state machine",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "max_answer_bytes": {
      "type": "integer",
      "minimum": 4096,
      "description": "Most bytes in the answer to one range query; at most, and by default, the host's batch limit."
    },
    "history_events": {
      "type": "integer",
      "minimum": 4096,
      "maximum": 1048576,
      "default": 131072,
      "description": "Most events that are kept for watches."
    },
    "history_bytes": {
      "type": "integer",
      "minimum": 1048576,
      "maximum": 268435456,
      "default": 16777216,
      "description": "Most bytes of events that are kept for watches, 96 for each beside its key and value."
    }
  }
}
`

// config is the plugin's config section. Nothing in it may have a say in what
// a command does.
type config struct {
	MaxAnswerBytes uint64 `yaml:"max_answer_bytes"`
	HistoryEvents  uint64 `yaml:"history_events"`
	HistoryBytes   uint64 `yaml:"history_bytes"`

	chunk int // of an answer in chunks; the host's word
}

// readConfig reads a config section strictly and fills in what is not said.
func readConfig(raw []byte, limits plugins.Limits) (config, error) {
	if limits.MaxBatchBytes == 0 {
		limits = plugins.DefaultLimits()
	}
	ceiling := limits.MaxBatchBytes
	c := config{
		MaxAnswerBytes: limits.BatchBytes(), chunk: int(limits.ChunkBytes()),
		HistoryEvents: defaultHistoryEvents, HistoryBytes: defaultHistoryBytes,
	}
	if err := section.Decode(raw, &c); err != nil {
		return config{}, fmt.Errorf("kv: %w", err)
	}
	for _, setting := range []struct {
		key               string
		is, least, atMost uint64
	}{
		{"max_answer_bytes", c.MaxAnswerBytes, min(minAnswerBytes, ceiling), ceiling},
		{"history_events", c.HistoryEvents, snapshotEvents, mostHistoryEvents},
		{"history_bytes", c.HistoryBytes, snapshotBytes, mostHistoryBytes},
	} {
		if setting.is < setting.least || setting.is > setting.atMost {
			return config{}, fmt.Errorf("kv: %w: %s is %d, must be in [%d,%d]",
				plugins.ErrInvalidConfig, setting.key, setting.is, setting.least, setting.atMost)
		}
	}
	return c, nil
}

// reach is how much history is kept.
func (c *config) reach() reach { return reach{c.HistoryEvents, c.HistoryBytes} }
