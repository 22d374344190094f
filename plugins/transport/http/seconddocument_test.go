package httptransport

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

func TestASecondDocumentIsRefused(t *testing.T) {
	for _, text := range []string{"{}\n---\n{}\n", "{}\n---\nno_key: 1\n"} {
		if _, err := parseConfig([]byte(text)); !errors.Is(err, plugins.ErrInvalidConfig) {
			t.Errorf("%q: %v, want ErrInvalidConfig", text, err)
		}
	}
}
