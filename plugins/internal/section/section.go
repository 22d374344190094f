// Package section reads the config sections of plugins.
package section

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Decode reads the only YAML document of a config section into the struct that
// into points to. An empty section leaves it as it is; a key that it does not
// have and a second document are refused. Errors are plugins.ErrInvalidConfig,
// and into is not to be used after one.
func Decode(text []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	var second yaml.Node
	switch err := d.Decode(&second); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	return fmt.Errorf("%w: line %d: more than one document: a second begins; write all keys into the first and remove the second",
		plugins.ErrInvalidConfig, second.Line)
}
