package transport

import "testing"

// FuzzParseURL: a peer's URL is refused, or is one that is read alike again.
func FuzzParseURL(f *testing.F) {
	for _, raw := range []string{"http://127.0.0.1:7501", "HTTPS://[::1]:1/", "quic://h:65536", "http://u@h:1", "http://h:1?", "x://h:01"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ParseURL(raw)
		if err != nil {
			return
		}
		again, err := ParseURL(u.String())
		if err != nil || *again != *u {
			t.Fatalf("%q became %v, and then %v: %v", raw, u, again, err)
		}
	})
}
