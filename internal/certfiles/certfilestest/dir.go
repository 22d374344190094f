// Package certfilestest writes certificate files, for tests of programs that read them anew.
package certfilestest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/membercert"
)

// Dir is a directory with certificate files.
type Dir struct {
	t    testing.TB
	path string
	// Authority has signed the certificates.
	Authority *membercert.Authority
}

// NewDir returns an empty directory, and a new authority. Both go with the test.
func NewDir(t testing.TB) *Dir {
	t.Helper()
	d := &Dir{t: t, path: t.TempDir()}
	authority, err := membercert.NewAuthority("test", 1000*time.Hour)
	d.Must(err)
	d.Authority = authority
	return d
}

// Path is that of a file.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Write writes a file.
func (d *Dir) Write(name string, text []byte) {
	d.t.Helper()
	d.Must(os.WriteFile(d.Path(name), text, 0o600))
}

// Remove removes a file.
func (d *Dir) Remove(name string) {
	d.t.Helper()
	d.Must(os.Remove(d.Path(name)))
}

// Pair writes a certificate and its key, as name.crt and name.key.
func (d *Dir) Pair(name string, p membercert.Pair) {
	d.t.Helper()
	d.Write(name+".crt", p.Cert)
	d.Write(name+".key", p.Key)
}

// Authorities writes the certificate of the authority.
func (d *Dir) Authorities(name string) {
	d.t.Helper()
	d.Write(name, d.Made(d.Authority.Pair()).Cert)
}

// Made is a pair that was issued without an error.
func (d *Dir) Made(p membercert.Pair, err error) membercert.Pair {
	d.t.Helper()
	d.Must(err)
	return p
}

// Must ends the test if there is an error.
func (d *Dir) Must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}
