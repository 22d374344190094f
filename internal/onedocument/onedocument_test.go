package onedocument

import (
	"errors"
	"testing"

	"go.yaml.in/yaml/v3"
)

type keys struct {
	N int `yaml:"n"`
}

func TestATextHasOneDocument(t *testing.T) {
	for text, want := range map[string]struct {
		n     int
		found bool
	}{
		"": {7, false}, "# nothing\n": {7, false}, "n: 1": {1, true}, "---\nn: 1\n": {1, true}, "n: 1\n...\n": {1, true},
	} {
		c := keys{7}
		if found, err := Decode([]byte(text), &c); err != nil || found != want.found || c.N != want.n {
			t.Errorf("%q: %+v, %v, %v; want %+v", text, c, found, err, want)
		}
	}
	for text, line := range map[string]int{"n: 1\n---\nn: 2\n": 2, "n: 1\n\n---\nm: 2\n": 3, "---\n---\n": 2} {
		var second *SecondError
		if _, err := Decode([]byte(text), &keys{}); !errors.As(err, &second) || second.Line != line {
			t.Errorf("%q: %v, want a second document on line %d", text, err, line)
		}
	}
	for _, text := range []string{"m: 1\n", "n: [\n", "n: 1}}\n", "n: 1\n--- {\n"} {
		if found, err := Decode([]byte(text), &keys{}); err == nil || found {
			t.Errorf("%q: %v, %v", text, found, err)
		}
	}
	var n yaml.Node
	if found, err := Decode([]byte("{a: 1}"), &n); err != nil || !found || n.Line != 1 {
		t.Errorf("into a node: %v, %v", found, err)
	}
}
