package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/client"
)

// clientFile is the file that --client-config names: what the flags of the same
// names say. Paths in it begin where it is.
type clientFile struct {
	Endpoints  []string `yaml:"endpoints"`
	CA         string   `yaml:"ca"`
	Cert       string   `yaml:"cert"`
	Key        string   `yaml:"key"`
	ServerName string   `yaml:"server_name"`
}

// readClientFile reads the file; nothing if path is empty.
func readClientFile(path string) (clientFile, error) {
	var c clientFile
	if path == "" {
		return c, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	for _, p := range []*string{&c.CA, &c.Cert, &c.Key} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(path), *p)
		}
	}
	return c, nil
}

// fill names those of the flags' files that the flags do not name. A certificate
// and its key come from one place.
func (c clientFile) fill(files *client.TLSFiles) {
	if files.CA == "" {
		files.CA = c.CA
	}
	if files.Cert == "" && files.Key == "" {
		files.Cert, files.Key = c.Cert, c.Key
	}
	if files.ServerName == "" {
		files.ServerName = c.ServerName
	}
}
