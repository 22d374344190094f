package certfiles_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/membercert"
)

const day = 24 * time.Hour

// A certificate ends soon within its last 30 days, or the last third of a shorter
// life.
func TestWhatEndsSoon(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		life, left time.Duration
		want       bool
	}{
		{365 * day, 31 * day, false},
		{365 * day, 29 * day, true},
		{365 * day, -day, true},
		{90 * day, 31 * day, false},
		{30 * day, 11 * day, false},
		{30 * day, 9 * day, true},
		{day, 9 * time.Hour, false},
		{day, 7 * time.Hour, true},
	} {
		s := certfiles.Span{Begin: now.Add(c.left - c.life), End: now.Add(c.left)}
		if got := s.EndsSoon(now); got != c.want {
			t.Errorf("%v of %v are left: ends soon is %t", c.left, c.life, got)
		}
	}
}

// A chain ends with the first of its certificates, authorities with the last: an
// old one that was left in the file does not make it warn.
func TestSpanOfSeveral(t *testing.T) {
	var short, long []byte
	for valid, text := range map[time.Duration]*[]byte{day: &short, 100 * day: &long} {
		a, err := membercert.NewAuthority("test", valid)
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.Pair()
		if err != nil {
			t.Fatal(err)
		}
		*text = p.Cert
	}
	for _, both := range [][]byte{slices.Concat(short, long), slices.Concat(long, short)} {
		for authorities, want := range map[bool]time.Duration{false: day, true: 100 * day} {
			s, err := certfiles.SpanOf(both, authorities)
			if left := time.Until(s.End); err != nil || left > want || left < want-time.Hour {
				t.Errorf("authorities %t: %v left, error %v, want %v", authorities, left, err, want)
			}
		}
	}
	if _, err := certfiles.SpanOf([]byte("x"), false); err == nil {
		t.Error("a text without certificates has a span")
	}
}
