package section

import (
	"errors"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

type keys struct {
	N int `yaml:"n"`
}

func TestASectionHasOneDocument(t *testing.T) {
	for text, want := range map[string]int{"": 7, "# nothing\n": 7, "n: 1": 1, "---\nn: 1\n": 1, "n: 1\n...\n": 1} {
		c := keys{7}
		if err := Decode([]byte(text), &c); err != nil || c.N != want {
			t.Errorf("%q: %+v, %v; want %d", text, c, err, want)
		}
	}
	for text, says := range map[string]string{
		"n: 1\n---\nn: 2\n": "remove the second",
		"n: 1\n---\nm: 2\n": "remove the second",
		"---\n---\nn: 2\n":  "remove the second",
		"n: 1\n---\n\"open": "yaml",
		"m: 1":              "field m not found",
		"n: x":              "cannot unmarshal",
	} {
		if err := Decode([]byte(text), &keys{}); !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want ErrInvalidConfig that says %q", text, err, says)
		}
	}
}
