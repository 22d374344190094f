// Package section reads the config sections of plugins.
package section

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/onedocument"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Decode reads the only YAML document of a config section, plugins.Options.Config, into the
// struct that into points to, by its yaml tags. An empty section leaves it as it is; a key that it does not
// have and a second document are refused. Errors are plugins.ErrInvalidConfig,
// and into is not to be used after one.
func Decode(text []byte, into any) error {
	if _, err := onedocument.Decode(text, into); err != nil {
		return fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	return nil
}
