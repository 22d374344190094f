package kv

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/plugins"
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
}

// readConfig reads a config section strictly and fills in what is not said.
func readConfig(raw []byte, limits plugins.Limits) (config, error) {
	if limits.MaxBatchBytes == 0 {
		limits = plugins.DefaultLimits()
	}
	ceiling := limits.MaxBatchBytes
	c := config{MaxAnswerBytes: limits.BatchBytes()}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return config{}, fmt.Errorf("kv: %w: %w", plugins.ErrInvalidConfig, err)
	} else if err == nil && !errors.Is(dec.Decode(new(yaml.Node)), io.EOF) {
		return config{}, fmt.Errorf("kv: %w: more than one document", plugins.ErrInvalidConfig)
	}
	if c.MaxAnswerBytes > ceiling || c.MaxAnswerBytes < min(minAnswerBytes, ceiling) {
		return config{}, fmt.Errorf("kv: %w: max_answer_bytes is %d, must be in [%d,%d]",
			plugins.ErrInvalidConfig, c.MaxAnswerBytes, min(minAnswerBytes, ceiling), ceiling)
	}
	return c, nil
}
