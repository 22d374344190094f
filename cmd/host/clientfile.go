package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/onedocument"
)

// clientFile is the file that --client-config names: it stands for the flags of
// the same names. Paths in it begin where it is.
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
	if _, err := onedocument.Decode(text, &c); err != nil {
		return clientFile{}, err
	}
	return c, nil
}

// fill names those of the flags' files that the flags do not name. A certificate
// and its key come from one place.
func (c clientFile) fill(files *client.TLSFiles) {
	files.CA = cmp.Or(files.CA, c.CA)
	if files.Cert == "" && files.Key == "" {
		files.Cert, files.Key = c.Cert, c.Key
	}
	files.ServerName = cmp.Or(files.ServerName, c.ServerName)
}
