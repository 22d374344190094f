package httptransport

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"
	"time"
)

// An answer without a time, or with one that no clock can have, says nothing.
func TestAProbeIsAnsweredWithATime(t *testing.T) {
	for answer, good := range map[string]bool{
		`{"OK":true,"Now":"2026-01-01T12:00:00Z"}`: true,
		`{"OK":true,"Now":"1970-01-01T00:00:00Z"}`: true,
		`{"OK":true}`: false,
		`{"OK":true,"Now":"0001-01-01T00:00:00Z"}`:      false,
		`{"OK":true,"Now":"9999-12-31T23:59:59Z"}`:      false,
		`{"OK":true,"Now":"1970-01-01T00:00:00+23:59"}`: false,
		`{"OK":true,"Now":1}`:                           false,
		strings.Repeat(" ", maxProbeAnswer) + `{}`:      false,
		``: false,
	} {
		a, err := decodeProbe(strings.NewReader(answer))
		if (err == nil) != good || !good && !a.Now.IsZero() {
			t.Errorf("%.60q: %+v, %v", answer, a, err)
		}
	}
}

// FuzzProbe: the difference to a time that is taken is one, and what is taken is written
// and taken alike.
func FuzzProbe(f *testing.F) {
	f.Add([]byte(`{"OK":true,"Now":"2026-01-01T12:00:00.5+01:00"}`))
	f.Add([]byte(`{"OK":false,"Now":"9999-12-31T23:59:59Z"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		body := bytes.NewReader(raw)
		a, err := decodeProbe(body)
		if read := len(raw) - body.Len(); read > maxProbeAnswer {
			t.Fatalf("%d bytes were read", read)
		}
		if err != nil {
			return
		}
		if d := a.Now.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); d == math.MaxInt64 || d == math.MinInt64 {
			t.Fatalf("%q: a clock that is %v ahead", raw, d)
		}
		out, err := json.Marshal(probeAnswer{a.OK, a.Now.UTC()})
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeProbe(io.Reader(bytes.NewReader(out)))
		if err != nil || again.OK != a.OK || !again.Now.Equal(a.Now) {
			t.Fatalf("%q is %+v, then %+v, %v", raw, a, again, err)
		}
	})
}
