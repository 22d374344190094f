package memory

import (
	"testing"

	"go.yaml.in/yaml/v3"
)

// FuzzConfig: a config section is refused, or means the same when it is written anew.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("start_over: true\n"))
	f.Add([]byte("start_over: 1"))
	f.Add([]byte("start: true"))
	f.Fuzz(func(t *testing.T, section []byte) {
		c, err := parseConfig(section)
		if err != nil {
			return
		}
		text, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseConfig(text); err != nil || again != c {
			t.Fatalf("%q gives %+v, and written anew %+v, %v", section, c, again, err)
		}
	})
}
