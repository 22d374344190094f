package main

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var (
	recordAdd = flag.Bool("record.add", false, "TestTheWireIsAsRecorded adds what is new to the record")
	recordNew = flag.Bool("record.new", false,
		"TestTheWireIsAsRecorded writes the record anew, with what is gone or has changed: not after the release of version 1.0")
)

const recordFile = "testdata/v1.txt"

// The wire has all that its record of version 1 has, under the same numbers, of the same
// types: fields, values, methods. An addition is in the record as well, so that the
// next change finds it there. docs/plugins/compatibility.md says what that is worth.
func TestTheWireIsAsRecorded(t *testing.T) {
	set, err := compile("..")
	if err != nil {
		t.Fatal(err)
	}
	lines := set.record()
	text, err := os.ReadFile(recordFile)
	if err != nil && !*recordNew {
		t.Fatal(err)
	}
	d := compare(strings.Split(strings.TrimSpace(string(text)), "\n"), lines)
	if *recordNew || *recordAdd && len(d.gone) == 0 {
		if err := os.WriteFile(recordFile, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, l := range d.gone {
		t.Errorf("older ends rely on: %s", l)
	}
	for _, l := range d.added {
		t.Errorf("not in the record yet: %s", l)
	}
	if t.Failed() {
		t.Log("what is new: go test ./api/generate -record.add, and CHANGELOG.md; what is gone breaks each plugin and client that was built before")
	}
}

// Each change that an older end would notice is a line that is gone, and none that only
// adds is.
func TestWhatBreaksIsGone(t *testing.T) {
	const before = `syntax = "proto3";
package pontoon.x.v1;
message A { uint64 index = 1; B b = 2; repeated B list = 3; optional uint32 maybe = 4; oneof part { string text = 5; bytes data = 6; } }
message B { enum Kind { NONE = 0; SOME = 1; } Kind kind = 1; }
service S { rpc Ask(A) returns (stream B); }
`
	for _, c := range []struct {
		name, from, to string
		gone           []string
	}{
		{name: "nothing"},
		{name: "a comment", from: "message B", to: "// B is new.\nmessage B"},
		{name: "a new field", from: "uint64 index = 1;", to: "uint64 index = 1; bool late = 7;"},
		{name: "a new value", from: "SOME = 1;", to: "SOME = 1; MORE = 2;"},
		{name: "a new method", from: "returns (stream B);", to: "returns (stream B); rpc Tell(B) returns (A);"},
		{name: "a new message", from: "service S", to: "message C {} service S"},
		{name: "another place", from: "message A {", to: "message A { bytes early = 9;"},
		{name: "another number", from: "index = 1", to: "index = 9", gone: []string{"pontoon.x.v1.A.index = 1 uint64"}},
		{name: "another type", from: "uint64 index", to: "int64 index", gone: []string{"pontoon.x.v1.A.index = 1 uint64"}},
		{name: "another name", from: "index = 1", to: "place = 1", gone: []string{"pontoon.x.v1.A.index = 1 uint64"}},
		{name: "a field taken away", from: "uint64 index = 1;", to: "reserved 1;", gone: []string{"pontoon.x.v1.A.index = 1 uint64"}},
		{name: "no list any more", from: "repeated B list", to: "B list", gone: []string{"pontoon.x.v1.A.list = 3 repeated pontoon.x.v1.B"}},
		{name: "no longer optional", from: "optional uint32", to: "uint32", gone: []string{"pontoon.x.v1.A.maybe = 4 optional uint32"}},
		{name: "a field into a oneof", from: "optional uint32 maybe = 4; oneof part {", to: "oneof part { uint32 maybe = 4;", gone: []string{"pontoon.x.v1.A.maybe = 4 optional uint32"}},
		{name: "another number of a value", from: "SOME = 1", to: "SOME = 2", gone: []string{"pontoon.x.v1.B.Kind.SOME = 1"}},
		{name: "a method taken away", from: "rpc Ask(A) returns (stream B);", gone: []string{"pontoon.x.v1.S.Ask(pontoon.x.v1.A) returns (stream pontoon.x.v1.B)"}},
		{name: "one answer, not many", from: "stream B", to: "B", gone: []string{"pontoon.x.v1.S.Ask(pontoon.x.v1.A) returns (stream pontoon.x.v1.B)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := compare(recordOf(t, before), recordOf(t, strings.Replace(before, c.from, c.to, 1)))
			if !reflect.DeepEqual(d.gone, c.gone) {
				t.Errorf("gone: %q, want %q", d.gone, c.gone)
			}
		})
	}
}

// recordOf is the record of one .proto file.
func recordOf(t *testing.T, text string) []string {
	t.Helper()
	api := t.TempDir()
	path := filepath.Join(api, root, "x.proto")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := compile(api)
	if err != nil {
		t.Fatal(err)
	}
	lines := set.record()
	if !slices.IsSorted(lines) || len(lines) < 5 {
		t.Fatalf("%q", lines)
	}
	return lines
}
