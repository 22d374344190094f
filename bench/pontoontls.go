package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/membercert"
)

const (
	// pontoonCluster is the id of the benchmarked cluster, as certificates name it.
	pontoonCluster = 0xbe
	// pontoonAddress is where all nodes listen; the clients look for it in certificates.
	pontoonAddress = "127.0.0.1"
	// certificateLife is longer than any run.
	certificateLife = 30 * 24 * time.Hour
	// clientCertificate is the name of the client that makes the load.
	clientCertificate = "load"
)

// pontoonTLS are the files that a cluster with TLS names in its configuration. They are what
// host cert init makes: one authority for members, ports and clients.
type pontoonTLS struct{ dir string }

// newPontoonTLS writes an authority, a certificate for each member and its ports, and one for the client
// that makes the load, into dir.
func newPontoonTLS(dir string, members []pontoonMember) (*pontoonTLS, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the directory of the certificates: %w", err)
	}
	authority, err := membercert.NewAuthority("bench", certificateLife)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	t := &pontoonTLS{dir}
	pair, err := authority.Pair()
	if err := t.write("ca", pair, err); err != nil {
		return nil, err
	}
	hosts := []string{pontoonAddress}
	for _, m := range members {
		pair, err := authority.Issue(membercert.Name{Cluster: pontoonCluster, Member: uint64(m.ID)}, hosts, certificateLife)
		if err := t.write(m.Name, pair, err); err != nil {
			return nil, err
		}
		pair, err = authority.IssueServer(m.Name, hosts, certificateLife)
		if err := t.write(m.Name+"-port", pair, err); err != nil {
			return nil, err
		}
	}
	pair, err = authority.IssueClient(clientCertificate, certificateLife)
	return t, t.write(clientCertificate, pair, err)
}

// write writes a pair under a name, unless it could not be made.
func (t *pontoonTLS) write(name string, pair membercert.Pair, err error) error {
	if err != nil {
		return fmt.Errorf("certificate %s: %w", name, err)
	}
	for path, text := range map[string][]byte{t.Cert(name): pair.Cert, t.Key(name): pair.Key} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return fmt.Errorf("write certificate %s: %w", name, err)
		}
	}
	return nil
}

// Cert is the path of a certificate; that of the authority is called ca.
func (t *pontoonTLS) Cert(name string) string { return filepath.Join(t.dir, name+".crt") }

// Key is the path of its private key.
func (t *pontoonTLS) Key(name string) string { return filepath.Join(t.dir, name+".key") }

// options are those of the client that makes the load. A nil pontoonTLS is a cluster without TLS.
func (t *pontoonTLS) options(endpoints []string) (client.Options, error) {
	o := client.Options{Endpoints: endpoints}
	if t == nil {
		return o, nil
	}
	files := client.TLSFiles{CA: t.Cert("ca"), Cert: t.Cert(clientCertificate), Key: t.Key(clientCertificate)}
	var err error
	o.TLS, err = files.Config()
	return o, err
}
