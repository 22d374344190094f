package core

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A port asks of its clients what was written, or the host is not made: a word
// that is mistyped must not stand for a port that asks for nothing.
func TestAPortAsksWhatItIsTold(t *testing.T) {
	for _, x := range []struct {
		tls  TLSConfig
		want api.ClientAuth // empty if it is refused
	}{
		{TLSConfig{}, api.AuthNone},
		{TLSConfig{ClientAuth: "none"}, api.AuthNone},
		{TLSConfig{Cert: "c", Key: "k"}, api.AuthNone},
		{TLSConfig{Cert: "c", Key: "k", ClientCA: "ca"}, api.AuthRequired},
		{TLSConfig{Cert: "c", Key: "k", ClientCA: "ca", ClientAuth: "optional"}, api.AuthOptional},
		{TLSConfig{Cert: "c", Key: "k", ClientCA: "ca", ClientAuth: "Required"}, ""},
		{TLSConfig{Cert: "c", Key: "k", ClientCA: "ca", ClientAuth: "none"}, ""},
		{TLSConfig{Cert: "c", Key: "k", ClientAuth: "required"}, ""},
		{TLSConfig{ClientCA: "ca"}, ""},
		{TLSConfig{ClientAuth: "required"}, ""},
		{TLSConfig{Key: "k"}, ""},
	} {
		got, err := x.tls.port()
		if got.ClientAuth != x.want || (err == nil) != (x.want != "") {
			t.Errorf("%+v: asks for %q, %v, want %q", x.tls, got.ClientAuth, err, x.want)
		}
	}
	if _, err := New(Config{ClientTLS: TLSConfig{ClientAuth: "required"}}); !errors.Is(err, plugins.ErrInvalidConfig) {
		t.Errorf("a host with such a port: %v", err)
	}
}

// A role that does not exist is refused, and gives no client another one.
func TestRolesOfAConfigurationAreChecked(t *testing.T) {
	for _, a := range []AccessConfig{{Anonymous: "root"}, {Certificates: map[string]string{"app": "writer"}}} {
		if _, err := New(Config{Access: &a}); !errors.Is(err, plugins.ErrInvalidConfig) {
			t.Errorf("%+v: %v", a, err)
		}
	}
	p, err := (&AccessConfig{Certificates: map[string]string{"app": "write"}, Limits: map[string]ClientLimit{"*": {Connections: 3}}}).policy()
	if err != nil || p.Anonymous != access.None || p.Certificates["app"] != access.Write || p.Limits[access.Others].Connections != 3 {
		t.Errorf("got %+v, %v", p, err)
	}
	if p, err := (*AccessConfig)(nil).policy(); p != nil || err != nil {
		t.Errorf("without a policy: %+v, %v", p, err)
	}
}
