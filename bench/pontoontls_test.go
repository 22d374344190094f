package main

import (
	"bytes"
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

// The cluster with TLS refuses a client without it, and one without a certificate: the benchmark
// measures TLS with certificates on both sides.
func TestTheClusterWithTLSAsksForCertificates(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a real cluster")
	}
	dir := t.TempDir()
	host, err := buildHost(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	p := newPontoonTLSCluster(cluster{host: host})
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := p.Start(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	membership, err := p.client.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var endpoints []string
	for _, m := range membership.GetMembers() {
		endpoints = append(endpoints, m.GetClientAddress())
	}
	certificates := &pontoonTLS{filepath.Join(dir, "certificates")}
	good, err := certificates.options(endpoints)
	if err != nil {
		t.Fatal(err)
	}
	nameless := &tls.Config{RootCAs: good.TLS.RootCAs, MinVersion: tls.VersionTLS13}
	for name, config := range map[string]*tls.Config{"no TLS": nil, "no certificate": nameless} {
		stranger, err := client.New(client.Options{Endpoints: endpoints, TLS: config})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stranger.Status(t.Context(), endpoints[0]); err == nil {
			t.Errorf("a client with %s is answered", name)
		}
		if err := stranger.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, member := range []string{"n1", "n2", "n3"} {
		text, err := os.ReadFile(filepath.Join(dir, member+".yaml"))
		if err != nil || bytes.Contains(text, []byte("http://")) || !bytes.Contains(text, []byte(certificates.Cert(member))) {
			t.Errorf("%s speaks no TLS to its peers: %v\n%s", member, err, text)
		}
	}
}
