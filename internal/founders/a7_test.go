package founders

import (
	"encoding"
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
)

// The type is what flags and configuration ask for.
var (
	_ flag.Value               = (*PeerURLs)(nil)
	_ encoding.TextUnmarshaler = (*PeerURLs)(nil)
	_ encoding.TextMarshaler   = (*PeerURLs)(nil)
)

// Names that come again add URLs; names and URLs are sorted, whatever the order of
// the text.
func TestA7NamesThatRepeatAccumulate(t *testing.T) {
	for _, text := range []string{
		"a=http://h:1,a=http://h:2,b=http://h:3", "b=http://h:3,a=http://h:2,a=http://h:1", " a=http://h:2 , b=http://h:3,a=http://h:1",
	} {
		p, err := Parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := p.Names(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("%q has the names %v", text, got)
		}
		if got := p.Of("a"); !slices.Equal(got, []string{"http://h:1", "http://h:2"}) {
			t.Errorf("%q gives a the URLs %v", text, got)
		}
		if got := p.Of("b"); !slices.Equal(got, []string{"http://h:3"}) {
			t.Errorf("%q gives b the URLs %v", text, got)
		}
		if got := p.String(); got != "a=http://h:1,a=http://h:2,b=http://h:3" {
			t.Errorf("%q is written as %q", text, got)
		}
	}
}

// A URL that others cannot reach, or that names no member, is refused with
// what to write instead; a socket's path is allowed.
func TestA7WhatIsRefused(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{"a=http://h", "is not host:port"},
		{"a=https://h:1/x", "must end after the port"},
		{"a=http://h:0", "no port from 1 to 65535"},
		{"a=http://:1", "has no host"},
		{"a=", "is not name=URL"},
		{"a", "is not name=URL"},
		{"=http://h:1", "is not a name"},
		{"a=http://h:1,", "is not name=URL"},
		{"a b=http://h:1", "is not a name"},
		{"a=unix://", "names no socket"},
		{"a=unix:///run/a.sock?x", "names no socket"},
	} {
		if _, err := Parse(x.text); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: %v, want %q", x.text, err, x.want)
		}
	}
	for _, text := range []string{"a=unix:///run/a.sock", "a=unixs:///run/a.sock", "a=unix://a.sock", "a=https://[::1]:7501"} {
		if p, err := Parse(text); err != nil || p.String() != text {
			t.Errorf("%q: %v, written as %q", text, err, p.String())
		}
	}
	for _, text := range []string{"", "  "} {
		if _, err := Parse(text); !errors.Is(err, ErrEmpty) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"a=http://h:1,a=http://h:1", "a=http://h:1,b=http://h:1"} {
		if _, err := Parse(text); !errors.Is(err, ErrRepeated) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A flag that is given again adds; a value with a mistake adds nothing.
func TestA7AFlagThatIsGivenAgainAdds(t *testing.T) {
	var p PeerURLs
	flags := flag.NewFlagSet("host", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Var(&p, "peers", "")
	if err := flags.Parse([]string{"--peers", "a=http://h:2", "--peers", "a=http://h:1,b=http://h:3"}); err != nil {
		t.Fatal(err)
	}
	const all = "a=http://h:1,a=http://h:2,b=http://h:3"
	if p.String() != all {
		t.Errorf("%q", p.String())
	}
	if err := flags.Parse([]string{"--peers", "c=http://h:4,d=http://h"}); err == nil || p.String() != all {
		t.Errorf("%v: %q", err, p.String())
	}
}

// Text replaces what was there, and reads back as it is written.
func TestA7TextReadsBack(t *testing.T) {
	p, err := Parse("z=http://h:9")
	if err != nil {
		t.Fatal(err)
	}
	const text = "a=http://h:1,b=unix:///run/b.sock"
	if err := p.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if got, err := p.MarshalText(); err != nil || string(got) != text {
		t.Errorf("%q: %v", got, err)
	}
	if err := p.UnmarshalText(nil); !errors.Is(err, ErrEmpty) || p.String() != text {
		t.Errorf("an empty text: %v, and then %q", err, p.String())
	}
	var none PeerURLs
	if got, err := none.MarshalText(); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty set is written as %q: %v", got, err)
	}
}

// Limits come before anything is allocated for what is behind them.
func TestA7ListsAreBounded(t *testing.T) {
	for what, text := range map[string]string{
		"bytes": "a=http://" + strings.Repeat("h", mostText) + ":1", "URLs": strings.Repeat("a=b,", mostURLs+1),
	} {
		if _, err := Parse(text); !errors.Is(err, ErrTooLong) {
			t.Errorf("too many %s: %v", what, err)
		}
	}
}

// FuzzPeerURLs: a text that is taken is written so that it reads back as the
// same.
func FuzzPeerURLs(f *testing.F) {
	for _, text := range []string{"a=http://h:1,a=http://h:2,b=http://h:3", "a=unix:///run/a.sock", "", ",", "a=b=c", " a=quic://h:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q is written as %q, which reads as %q: %v", text, p.String(), again.String(), err)
		}
	})
}
