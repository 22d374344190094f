package core_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A member that runs warns of a certificate that ends soon in its status, its log and a
// metric: of the one that it was started with, and of one that was put into its place
// since. So it does of files that cannot be used. A good one ends the warning without a
// restart.
func TestARunningMemberWarnsOfItsCertificates(t *testing.T) {
	const day = 24 * time.Hour
	dir := t.TempDir()
	files := core.TLSConfig{Cert: filepath.Join(dir, "port.crt"), Key: filepath.Join(dir, "port.key"), ClientAuth: "none"}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, kind string, der []byte) {
		t.Helper()
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(files.Key, "EC PRIVATE KEY", secret)
	now := time.Now().Truncate(time.Second)
	issue := func(left time.Duration) time.Time {
		t.Helper()
		c := &x509.Certificate{
			SerialNumber: big.NewInt(now.Unix()), NotBefore: now.Add(-300 * day), NotAfter: now.Add(left),
			DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		write(files.Cert, "CERTIFICATE", der)
		return c.NotAfter
	}
	end := issue(29 * day)
	c := newCluster(t, 0, nil)
	c.tune = func(cfg *core.Config) {
		cfg.ClientTLS = files
		core.LookAtCertificates(cfg, 10*time.Millisecond)
		cfg.Metrics = prometheus.NewRegistry()
		c.metrics[1] = cfg.Metrics
	}
	c.found(1)
	shows := func(what, reason string, end time.Time) {
		t.Helper()
		c.eventually(what+" in status and metric", func() bool {
			got := warningsOfCertificates(c, 1)
			return strings.Join(got, ",") == reason && certificateEnd(c, 1) == float64(end.Unix())
		})
	}
	shows("what it was started with", server.WarnCertificateExpires, end)
	c.says(1, "certificate ends")
	shows("a good one", "", issue(100*day))
	shows("one that ends soon again", server.WarnCertificateExpires, issue(20*day))
	shows("one that has ended", server.WarnCertificateExpired, issue(-day))
	end = issue(31 * day)
	shows("a good one at last", "", end)
	write(files.Cert, "NOTHING", nil)
	shows("one that cannot be used", server.WarnCertificateRefused, end)
	shows("a good one in its place", "", issue(32*day))
}

func warningsOfCertificates(c *cluster, id member.ID) (reasons []string) {
	for _, w := range c.service(id).Status().Warnings {
		if strings.HasPrefix(w.Reason, "certificate_") {
			reasons = append(reasons, w.Reason)
		}
	}
	return reasons
}

// certificateEnd is the value of a host's metric; 0 if there is none.
func certificateEnd(c *cluster, id member.ID) float64 {
	families, err := c.metrics[id].Gather()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "pontoon_certificate_expires_seconds" && len(f.GetMetric()) == 1 {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return 0
}
