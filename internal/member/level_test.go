package member

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// The level of a registry goes up and never down, is kept by every change, and
// stands in a snapshot.
func TestLevelNeverGoesDown(t *testing.T) {
	r := (&Registry{}).Raise(2)
	if got := r.Raise(1).Level(); got != 2 {
		t.Errorf("level is %d after a raise to 1, want 2", got)
	}
	r, err := r.Apply(Change{Op: Add, Member: Member{ID: 1, Name: "n1", PeerURLs: []string{"http://h:1"}}}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	r = r.Register(Registration{Number: 7})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again Registry
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if again.Level() != 2 || again.Refound(9).Level() != 2 {
		t.Errorf("levels are %d and %d, want 2", again.Level(), again.Refound(9).Level())
	}
	if err := again.CheckLevel(2); err != nil {
		t.Errorf("level 2 of 2: %v", err)
	}
	if err := again.CheckLevel(1); !errors.Is(err, ErrNewer) {
		t.Errorf("level 2 of 1: %v, want %v", err, ErrNewer)
	}
}

// So does the command version, and no entry takes it back.
func TestCommandVersionNeverGoesDown(t *testing.T) {
	r := (&Registry{}).Switch(Switch{CommandVersion: 3})
	if got := r.Switch(Switch{CommandVersion: 2}).CommandVersion(); got != 3 {
		t.Errorf("version is %d after a switch to 2, want 3", got)
	}
	r, err := r.Raise(4).Apply(Change{Op: Add, Member: Member{ID: 1, Name: "n1", PeerURLs: []string{"http://h:1"}}}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r.Register(Registration{Number: 7}))
	if err != nil {
		t.Fatal(err)
	}
	var again Registry
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if again.CommandVersion() != 3 || again.Refound(9).CommandVersion() != 3 {
		t.Errorf("versions are %d and %d, want 3", again.CommandVersion(), again.Refound(9).CommandVersion())
	}
	if text, err := json.Marshal(&Registry{}); err != nil || strings.Contains(string(text), "command") {
		t.Errorf("without a switch it is %s, %v", text, err)
	}
}

// At level 0 a registry has the bytes that builds before levels write.
func TestNoLevelIsNotWritten(t *testing.T) {
	text, err := json.Marshal(&Registry{})
	if err != nil || strings.Contains(string(text), "level") {
		t.Errorf("got %s, %v", text, err)
	}
}

// A field that this build does not know is refused wherever it stands;
// malformed text is another error.
func TestUnknownFieldsAreRefused(t *testing.T) {
	for _, text := range []string{
		`{"members":[],"quorum":3}`,
		`{"members":[{"id":1,"name":"a","peer_urls":["http://h:1"],"weight":2}]}`,
	} {
		var r Registry
		if err := json.Unmarshal([]byte(text), &r); !errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v, want %v", text, err, ErrNewer)
		}
	}
	var g Registration
	if err := Decode([]byte(`{"stores":[{"id":1,"store":2,"disk":"x"}]}`), &g); !errors.Is(err, ErrNewer) {
		t.Errorf("registration: %v, want %v", err, ErrNewer)
	}
	if err := Decode([]byte(`{"stores":`), &g); err == nil || errors.Is(err, ErrNewer) {
		t.Errorf("half a registration: %v", err)
	}
}
