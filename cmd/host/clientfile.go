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

// maxClientFile bounds the bytes of the file.
const maxClientFile = 64 << 10

// readClientFile reads the file; nothing if path is empty.
func readClientFile(path string) (clientFile, error) {
	if path == "" {
		return clientFile{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return clientFile{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxClientFile+1))
	if err != nil {
		return clientFile{}, err
	}
	c, err := parseClientFile(text)
	if err != nil {
		return clientFile{}, fmt.Errorf("%s: %w", path, err)
	}
	for _, p := range []*string{&c.CA, &c.Cert, &c.Key} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(path), *p)
		}
	}
	return c, nil
}

// parseClientFile reads the bytes of the file. Its paths are as they are written.
func parseClientFile(text []byte) (c clientFile, err error) {
	if len(text) > maxClientFile {
		return clientFile{}, fmt.Errorf("more than %d bytes", maxClientFile)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c); errors.Is(err, io.EOF) {
		return clientFile{}, nil
	} else if err != nil {
		return clientFile{}, err
	}
	var second yaml.Node
	switch err := d.Decode(&second); {
	case errors.Is(err, io.EOF):
		return c, nil
	case err != nil:
		return clientFile{}, err
	}
	return clientFile{}, fmt.Errorf("line %d: a second document begins; write all keys into the first and remove the second", second.Line)
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
