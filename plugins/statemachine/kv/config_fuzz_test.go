package kv

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

// FuzzConfig: a config section is refused, or is one within the bounds.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("max_answer_bytes: 1048576\n"), uint64(16<<20))
	f.Add([]byte("max_answer_bytes: 18446744073709551615"), uint64(0))
	f.Fuzz(func(t *testing.T, section []byte, most uint64) {
		limits := plugins.DefaultLimits()
		limits.MaxBatchBytes = most
		c, err := readConfig(section, limits)
		if err == nil && most > 0 && c.MaxAnswerBytes > most {
			t.Fatalf("%q gives %+v, limit %d", section, c, most)
		}
	})
}
