package await

import (
	"testing"
	"testing/synctest"
	"time"
)

// A condition is looked at until it holds, and once more at the end of the time.
func TestWithin(t *testing.T) {
	const limit = time.Second
	for name, c := range map[string]struct {
		holds, lasts time.Duration
		want         bool
	}{
		"at once":    {0, 0, true},
		"later":      {limit / 2, limit / 2, true},
		"at the end": {limit, limit, true},
		"never":      {time.Hour, limit, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				got := Within(limit, func() bool { return time.Since(began) >= c.holds })
				if took := time.Since(began); got != c.want || took != c.lasts {
					t.Errorf("%t after %v, want %t after %v", got, took, c.want, c.lasts)
				}
			})
		})
	}
}
