package kv

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/section"
)

// minAnswerBytes keeps a configuration from making every Range a page of one
// key.
const minAnswerBytes = 4 << 10

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
    }
  }
}
`

// config is the plugin's config section. Nothing in it may have a say in what
// a command does.
type config struct {
	MaxAnswerBytes uint64 `yaml:"max_answer_bytes"`

	chunk int // of an answer in chunks; the host's word
}

// readConfig reads a config section strictly and fills in what is not said.
func readConfig(raw []byte, limits plugins.Limits) (config, error) {
	if limits.MaxBatchBytes == 0 {
		limits = plugins.DefaultLimits()
	}
	ceiling := limits.MaxBatchBytes
	c := config{MaxAnswerBytes: limits.BatchBytes(), chunk: int(limits.ChunkBytes())}
	if err := section.Decode(raw, &c); err != nil {
		return config{}, fmt.Errorf("kv: %w", err)
	}
	if c.MaxAnswerBytes > ceiling || c.MaxAnswerBytes < min(minAnswerBytes, ceiling) {
		return config{}, fmt.Errorf("kv: %w: max_answer_bytes is %d, must be in [%d,%d]",
			plugins.ErrInvalidConfig, c.MaxAnswerBytes, min(minAnswerBytes, ceiling), ceiling)
	}
	return c, nil
}
