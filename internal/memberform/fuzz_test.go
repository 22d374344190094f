package memberform

import "testing"

// FuzzForms: a name, an address or a URL of a member that is taken has no character
// that a terminal would not show as it is.
func FuzzForms(f *testing.F) {
	for _, text := range []string{"n1", "10.0.0.1:7501", "[::1]:1", "http://10.0.0.1:7501", "n\u202e1", "n1\n", "quic://h:1\x1b[2J", "http://[::1%25x\u200b]:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for what, check := range map[string]func(string) error{
			"name": CheckName, "client": CheckClientName, "address": CheckAddress, "listener": CheckListener, "peer URL": CheckPeerURL,
		} {
			if check(text) != nil {
				continue
			}
			for _, r := range text {
				if r <= ' ' || r > '~' {
					t.Fatalf("%q is taken as a %s", text, what)
				}
			}
		}
	})
}
