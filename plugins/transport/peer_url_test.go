package transport

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]string{
		"http://10.0.0.1:7501":       "http://10.0.0.1:7501",
		"HTTPS://node.example:65535": "https://node.example:65535",
		"quic://[::1]:1/":            "quic://[::1]:1",
		"pigeon+post://loft:80":      "pigeon+post://loft:80",
		"http://[fe80::1%25eth0]:80": "http://[fe80::1%25eth0]:80",
		"unix:///run/raft.sock":      "unix:///run/raft.sock",
		"unixs://raft.sock":          "unixs://raft.sock",
	} {
		if u, err := ParseURL(raw); err != nil || u.String() != want {
			t.Errorf("%q is %v, error %v, want %s", raw, u, err, want)
		}
	}
	for _, raw := range []string{
		"", "%", "\x00", "10.0.0.1:7501", "//h:1", "h:1", "http:h:1", "http://", "http://h", "http://h:", "http://:80",
		"http://[::1]", "http://h:0", "http://h:65536", "http://h:99999999999999999999", "http://h:-1", "http://h:http",
		"quic://h:1/x", "http://h:1//", "http://h:1?", "http://h:1?x", "http://h:1#x", "http://h:1#", "http://h:1/#",
		"http://u@h:1", "http://@h:1", "http://u:p@h:1", " http://h:1", "http://h:1 ", "unix://", "unix:///", "unix:n1", "unix:///run/n1?x", "unix://u@h/n1",
	} {
		if u, err := ParseURL(raw); !errors.Is(err, plugins.ErrInvalidArgument) {
			t.Errorf("%q is %v, error %v, want ErrInvalidArgument", raw, u, err)
		}
	}
}
