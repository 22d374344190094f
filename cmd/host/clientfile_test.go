package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// The file has one document of a bounded size, and its paths begin where it is.
func TestAClientFileIsOneSmallDocument(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "client.yaml")
	read := func(text string) (clientFile, error) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return readClientFile(path)
	}
	if c, err := read("ca: ca.pem\nkey: /k.pem\n"); err != nil || c.CA != filepath.Join(dir, "ca.pem") || c.Key != "/k.pem" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := read("# nothing\n"); err != nil || !reflect.DeepEqual(c, clientFile{}) {
		t.Errorf("%+v, %v", c, err)
	}
	for text, says := range map[string]string{
		"ca: a\n---\nca: b\n": "line 2: a second document begins",
		"ca: a\n---\n\t":      "client.yaml",
		"ca: a\n#" + strings.Repeat("x", maxClientFile):     "more than 65536 bytes",
		"ca: a\nserver: b\n":                                "server",
		"ca: a\n---\n#" + strings.Repeat("\n", 1<<10) + "a": "second document",
	} {
		if c, err := read(text); err == nil || !strings.Contains(err.Error(), says) || !reflect.DeepEqual(c, clientFile{}) {
			t.Errorf("%.20q: %+v, %v; want %q", text, c, err, says)
		}
	}
}

// FuzzClientFile: a file that is taken is written and taken alike, and nothing stands
// after it.
func FuzzClientFile(f *testing.F) {
	f.Add([]byte("endpoints: [a:1, 'b:2']\nca: ca.pem\ncert: c\nkey: k\nserver_name: n\n"))
	f.Add([]byte("ca: a\n---\nca: b\n"))
	f.Add([]byte("endpoints: &a [x]\nca: *a\n"))
	f.Add([]byte("# nothing\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseClientFile(text)
		if err != nil {
			if !reflect.DeepEqual(c, clientFile{}) {
				t.Fatalf("refused, and %+v", c)
			}
			return
		}
		out, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseClientFile(out)
		if len(out) <= maxClientFile && (err != nil || !reflect.DeepEqual(normal(again), normal(c))) {
			t.Fatalf("%q was %+v, then %+v, %v", text, c, again, err)
		}
	})
}

// normal is c without the difference between no endpoints and an empty list of them.
func normal(c clientFile) clientFile {
	if len(c.Endpoints) == 0 {
		c.Endpoints = nil
	}
	return c
}

// FuzzHead: a head that is taken is said again alike.
func FuzzHead(f *testing.F) {
	f.Add("1274:" + strings.Repeat("9f", 32))
	f.Add("18446744073709551616:" + strings.Repeat("9F", 32))
	f.Add(":")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseHead(&cobra.Command{}, text)
		if err != nil || p == nil {
			if p != nil || err == nil && text != "" {
				t.Fatalf("%q: %v, %v", text, p, err)
			}
			return
		}
		again, err := parseHead(&cobra.Command{}, p.String())
		if err != nil || *again != *p {
			t.Fatalf("%q is %v, then %v, %v", text, p, again, err)
		}
	})
}
