package transport

import (
	"slices"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

func TestSchemesThatATransportStates(t *testing.T) {
	info := plugins.Info{Capabilities: []plugins.Capability{
		Scheme("http"), "resumes", Scheme("QUIC"), "scheme:", "scheme:two words", "scheme:a/b", "scheme:1st", Scheme("git+ssh"),
	}}
	if got, want := Schemes(info), []string{"http", "quic", "git+ssh"}; !slices.Equal(got, want) {
		t.Errorf("schemes %q, want %q", got, want)
	}
	if got := Schemes(plugins.Info{Capabilities: []plugins.Capability{"resumes"}}); got != nil {
		t.Errorf("schemes %q of a transport that states none", got)
	}
}

func TestSchemeOf(t *testing.T) {
	for raw, want := range map[string]string{
		"http://10.0.0.1:7501": "http", "QUIC://[::1]:1": "quic", "10.0.0.1:7501": "", "": "", "//h:1": "", "%": "",
	} {
		if got := SchemeOf(raw); got != want {
			t.Errorf("scheme of %q is %q, want %q", raw, got, want)
		}
	}
}
