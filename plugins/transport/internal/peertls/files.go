package peertls

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Files is the config section tls: three PEM files. Relative paths begin where
// the host was started.
type Files struct {
	// Cert is the member's certificate, followed by intermediate ones if any.
	Cert string `yaml:"cert"`
	// Key is its private key.
	Key string `yaml:"key"`
	// CA are the authorities that sign members' certificates.
	CA string `yaml:"ca"`
}

// Schema is the JSON Schema of Files.
const Schema = `{
      "type": "object",
      "additionalProperties": false,
      "required": ["cert", "key", "ca"],
      "properties": {
        "cert": {
          "type": "string",
          "description": "PEM file with this member's certificate, followed by intermediate ones if any. Its only URI is pontoon://<cluster id>/<member id>."
        },
        "key": {
          "type": "string",
          "description": "PEM file with the certificate's private key."
        },
        "ca": {
          "type": "string",
          "description": "PEM file with the authorities that sign the certificates of members."
        }
      },
      "description": "Mutual TLS 1.3 between members. The files are read again when they change."
    }`

// Check reports a section that is not complete.
func (f Files) Check() error {
	for _, file := range f.named() {
		if file.Path == "" {
			return fmt.Errorf("%w: %s is missing: name a PEM file", plugins.ErrInvalidConfig, file.Key)
		}
	}
	return nil
}

// CheckFiles reads the files as Open does. It reports too that no authority is
// valid at present, which a host that runs only warns of.
func (f Files) CheckFiles(self membercert.Name) error {
	if _, err := Open(f, self, nil); err != nil {
		return err
	}
	return f.named()[2].InTime(time.Now(), true)
}

func (f Files) named() []certfiles.File {
	return []certfiles.File{{Key: "tls.cert", Path: f.Cert}, {Key: "tls.key", Path: f.Key}, {Key: "tls.ca", Path: f.CA}}
}

// material is a pair that can be used, with the authorities to judge others by.
type material struct {
	pair        *tls.Certificate
	authorities *x509.CertPool
}

// end is when the certificate runs out.
func (m *material) end() time.Time { return m.pair.Leaf.NotAfter }

// material makes of the texts what connections need, or says which file is wrong.
func (f Files) material(texts []string, self membercert.Name) (*material, error) {
	pair, authorities, err := certfiles.Member(f.named(), texts, self)
	if err != nil {
		return nil, err
	}
	return &material{pair, authorities}, nil
}
