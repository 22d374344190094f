//go:build linux

package e2e

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// configs/tls3 as it is documented: certificates of host cert init, a cluster
// that elects and commits over TLS, a certificate renewed while it serves, and
// a host that does not start with another's.
func TestTLSBetweenMembers(t *testing.T) {
	t.Parallel()
	certs := filepath.Join(t.TempDir(), "certs")
	cert := func(args ...string) { hostDoes(t, append([]string{"cert", "init", "--dir", certs}, args...)...) }
	cert("--config", filepath.Join("..", "configs", "tls3", "t1.yaml"))
	c := newClusterOf(t, "tls3", "t", "certs/", certs+"/")
	c.start()
	c.leader()
	w := startWorkload(t, c.nodes...)
	w.progress(50)

	t2 := c.nodes[1]
	before := shownBy(t, t2, certs)
	for _, file := range []string{"t2.crt", "t2.key"} {
		if err := os.Remove(filepath.Join(certs, file)); err != nil {
			t.Fatal(err)
		}
	}
	cert("--cluster", "b3", "--members", "t2=2")
	t2.await("to use its new certificate", func() bool { return strings.Contains(t2.host.Log(), "certificates read anew") })
	if after := shownBy(t, t2, certs); bytes.Equal(before, after) || !bytes.Equal(after, inFile(t, filepath.Join(certs, "t2.crt"))) {
		t.Error("a new connection does not see the new certificate")
	}
	w.progress(50)
	// All connections of t2 are new ones after this.
	t2.stop()
	t2.startReady()
	w.progress(50)
	w.stop()
	c.stop()

	t2.rewrite("t2.crt", "t1.crt", "t2.key", "t1.key")
	refusedWithin(t, 30*time.Second, "", append([]string{"serve"}, t2.args()...)...).
		says(t, exitUsage, "tls.cert", "t1.crt", "pontoon://b3/1", "pontoon://b3/2")
}

// hostDoes runs a command of the host that must succeed.
func hostDoes(t *testing.T, args ...string) {
	t.Helper()
	programs.host.Does(t, args...)
}

// shownBy is the certificate that a node shows to member 1.
func shownBy(t *testing.T, n *node, certs string) []byte {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(certs, "t1.crt"), filepath.Join(certs, "t1.key"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", n.peer, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Raw
}

func inFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	return block.Bytes
}
