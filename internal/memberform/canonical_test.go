package memberform

import "testing"

// Spellings of one address are one URL, and what is another address, or not for this
// package to say, stays as it is.
func TestOneSpellingOfAPeerURL(t *testing.T) {
	for text, want := range map[string]string{
		"http://a:1":                  "http://a:1",
		"http://A.Example:7501":       "http://a.example:7501",
		"HTTPS://a:1":                 "https://a:1",
		"http://a:007":                "http://a:7",
		"quic://H:1":                  "quic://h:1",
		"https://[2001:DB8:0:0::1]:1": "https://[2001:db8::1]:1",
		"unix:///run/A.sock":          "unix:///run/A.sock",
		"memory://A:1":                "memory://A:1",
		"http://A":                    "http://A", // refused elsewhere, in its own words
		"http://A:1/x":                "http://A:1/x",
		"quic://A:1/x":                "quic://A:1/x",
		"":                            "",
	} {
		if got := CanonicalPeerURL(text); got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
		if again := CanonicalPeerURL(want); again != want {
			t.Errorf("%q is written as %q the second time", want, again)
		}
	}
}
