package sectionschema

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const example = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["path"],
  "properties": {
    "path": {"type": "string", "minLength": 1},
    "bytes": {"type": "integer", "minimum": 10, "maximum": 20},
    "wait": {"anyOf": [{"type": "string", "pattern": "^[0-9]+s$"}, {"type": "integer"}]},
    "peers": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
    "since": {"type": "string"},
    "on": {"type": "boolean"}
  }
}`

// Each fault has the line of the section at which it is corrected, and the path to it.
func TestFaultsOfASection(t *testing.T) {
	s, err := read([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	for section, want := range map[string]string{
		"path: /a\nbytes: 12\nwait: 3s\non: true\n":    "",
		"path: /a\nwait: 3\nsince: 2026-01-02\n":       "",
		"path: /a\nbytes: 1.5e1\n":                     "",
		"":                                             `1 "": missing property 'path'`,
		"\n\n\n      path: /a\n":                       "",
		"\n\n\n    path: 7\n    bytes: 1\n":            `4 "path": got number, want string; 5 "bytes": got 1, want at least 10`,
		"path: /a\nbite: 12\nby: 1\n":                  `2 "bite": there is no such key; 3 "by": there is no such key`,
		"path: /a\nbytes: 1000000000000000000000\n":    `2 "bytes": got 1000000000000000000000, want at most 20`,
		"path: /a\nbytes: .inf\n":                      `2 "bytes": got string, want integer`,
		"path: /a\npeers:\n  - name: x\n  - nome: y\n": `4 "peers[1]": missing property 'name'`,
		"path: /a\npeers:\n  - name: x\n  - name: 1\n": `4 "peers[1].name": got number, want string`,
		"path: /a\nwait: soon\n":                       `2 "wait": 'soon' does not match pattern '^[0-9]+s$', or got string, want integer`,
		"- a\n":                                        `1 "": got array, want object`,
		"path:\n":                                      `1 "path": got null, want string`,
	} {
		all, err := s.faults([]byte(section))
		var got []string
		for _, f := range all {
			got = append(got, fmt.Sprintf("%d %q: %s", f.Line, f.Key, f.Text))
		}
		if strings.Join(got, "; ") != want || err != nil {
			t.Errorf("%q:\n got %s (%v)\nwant %s", section, strings.Join(got, "; "), err, want)
		}
	}
	for _, section := range []string{"path: /a\n---\npath: /b\n", "path: [", "path: &a /a\nsince: *a\n"} {
		if all, err := s.faults([]byte(section)); err == nil {
			t.Errorf("%q has faults %v and no error", section, all)
		}
	}
}

// An announcement that is not a schema is not one by which a section is judged, and nothing
// is fetched for it.
func TestWhatIsNotASchema(t *testing.T) {
	for _, text := range []string{
		"", "{", `"text"`, `{"type": "objekt"}`, `{"pattern": "("}`, `{} {}`,
		`{"$ref": "https://example.com/schema.json"}`, `{"$ref": "file:///etc/passwd"}`, `{"$ref": "other.json"}`,
	} {
		if _, err := read([]byte(text)); !errors.Is(err, ErrNoSchema) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"{}", "true", `{"$ref": "#/$defs/x", "$defs": {"x": {"type": "object"}}}`} {
		if s, err := read([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if all, err := s.faults(nil); len(all) > 0 || err != nil {
			t.Errorf("%s: %v, %v", text, all, err)
		}
	}
}

// Neither a schema nor a section ends the program that judges, and a line is one of the
// section's.
func FuzzFaults(f *testing.F) {
	f.Add([]byte(example), []byte("path: 7\nbite: [1, {a: 2}]\n"))
	f.Add([]byte(`{"$ref": "#"}`), []byte("- 1\n"))
	f.Fuzz(func(t *testing.T, text, section []byte) {
		s, err := read(text)
		if err != nil {
			return
		}
		all, err := s.faults(section)
		if err != nil {
			return
		}
		for _, fault := range all {
			if lines := strings.Count(string(section), "\n") + 1; fault.Line < 1 || fault.Line > lines || fault.Text == "" {
				t.Errorf("%+v, of %d lines", fault, lines)
			}
		}
	})
}
