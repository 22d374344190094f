package peertls_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
)

func member(id uint64) membercert.Name { return membercert.Name{Cluster: 0xabc, Member: id} }

func open(t *testing.T, f *peertlstest.Forge, id uint64) *peertls.Identity {
	t.Helper()
	i, err := peertls.Open(f.Files(t, member(id)), member(id), nil)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// handshake connects the two configurations and returns what each end says.
func handshake(t *testing.T, client, server *tls.Config) (clientState, serverState tls.ConnectionState, clientErr, serverErr error) {
	t.Helper()
	near, far := connection(t)
	c, s := tls.Client(near, client), tls.Server(far, server)
	var both sync.WaitGroup
	both.Go(func() {
		if serverErr = s.Handshake(); serverErr == nil {
			_, serverErr = s.Write([]byte{1})
		}
		_ = far.Close()
	})
	// In TLS 1.3 a client hears that it was refused when it reads.
	if clientErr = c.Handshake(); clientErr == nil {
		_, clientErr = c.Read(make([]byte, 1))
	}
	_ = near.Close()
	both.Wait()
	return c.ConnectionState(), s.ConnectionState(), clientErr, serverErr
}

// connection is one over TCP: a pipe has no room for what an end says last.
func connection(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// Members of one cluster accept each other, know each other's ids, and speak
// TLS 1.3.
func TestMembersKnowEachOther(t *testing.T) {
	f := peertlstest.New(t)
	one, two := open(t, f, 1), open(t, f, 2)
	c, s, clientErr, serverErr := handshake(t, one.Client(2), two.Server())
	if clientErr != nil || serverErr != nil {
		t.Fatalf("client: %v, server: %v", clientErr, serverErr)
	}
	if id, err := one.PeerID(c); id != 2 || err != nil {
		t.Errorf("client sees member %x, error %v", id, err)
	}
	if id, err := two.PeerID(s); id != 1 || err != nil {
		t.Errorf("server sees member %x, error %v", id, err)
	}
	if c.Version != tls.VersionTLS13 || s.DidResume {
		t.Errorf("version %x, resumed %t", c.Version, s.DidResume)
	}
}

// No node with a wrong certificate gets through, at whichever end it is.
func TestStrangersAreRefused(t *testing.T) {
	f := peertlstest.New(t)
	one := open(t, f, 1)
	for _, s := range f.Strangers(t, member(2)) {
		shown := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}
		if s.Certificate.Certificate != nil {
			shown.Certificates = []tls.Certificate{s.Certificate}
		}
		t.Run("client with "+s.Name, func(t *testing.T) {
			_, state, clientErr, serverErr := handshake(t, shown, one.Server())
			if serverErr == nil || peertls.Reason(serverErr) != s.Reason {
				t.Errorf("server: %v, reason %q, want %q", serverErr, peertls.Reason(serverErr), s.Reason)
			}
			if clientErr == nil {
				t.Error("the client does not know that it was refused")
			}
			if id, err := one.PeerID(state); err == nil {
				t.Errorf("it is taken for member %x", id)
			}
		})
		if shown.Certificates == nil {
			continue
		}
		t.Run("server with "+s.Name, func(t *testing.T) {
			_, _, clientErr, _ := handshake(t, one.Client(2), shown)
			if clientErr == nil || peertls.Reason(clientErr) != s.Reason {
				t.Errorf("client: %v, reason %q, want %q", clientErr, peertls.Reason(clientErr), s.Reason)
			}
		})
	}
}

func TestWrongMembersAreRefused(t *testing.T) {
	f := peertlstest.New(t)
	one, two := open(t, f, 1), open(t, f, 2)
	if _, _, err, _ := handshake(t, one.Client(3), two.Server()); !errors.Is(err, peertls.ErrOtherMember) {
		t.Errorf("member 2 where 3 was dialled: %v", err)
	}
	if _, _, _, err := handshake(t, one.Client(1), one.Server()); !errors.Is(err, peertls.ErrOwnName) {
		t.Errorf("a caller with this node's own certificate: %v", err)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	f := peertlstest.New(t)
	one := open(t, f, 1)
	old := &tls.Config{
		MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true,
		Certificates: []tls.Certificate{f.Certificate(t, member(2), nil)},
	}
	if _, _, _, err := handshake(t, old, one.Server()); err == nil || peertls.Reason(err) != "old_tls" {
		t.Errorf("client with TLS 1.2: %v", err)
	}
	if _, _, err, _ := handshake(t, one.Client(2), old); err == nil {
		t.Error("a server with TLS 1.2 was accepted")
	}
}

// A certificate for callers only, or for servers only, is good for that.
func TestUsageIsThatOfTheEnd(t *testing.T) {
	f := peertlstest.New(t)
	one := open(t, f, 1)
	with := func(usage x509.ExtKeyUsage) *tls.Config {
		c := f.Certificate(t, member(2), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{usage} })
		return &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{c}}
	}
	if _, _, _, err := handshake(t, with(x509.ExtKeyUsageServerAuth), one.Server()); !errors.Is(err, certfiles.ErrWrongUsage) {
		t.Errorf("a caller with a server's certificate: %v", err)
	}
	if _, _, err, _ := handshake(t, one.Client(2), with(x509.ExtKeyUsageClientAuth)); !errors.Is(err, certfiles.ErrWrongUsage) {
		t.Errorf("a server with a caller's certificate: %v", err)
	}
}

// A connection does not speak for a member longer than its certificate does.
func TestPeerIDEndsWithTheCertificate(t *testing.T) {
	f := peertlstest.New(t)
	one, two := open(t, f, 1), open(t, f, 2)
	_, s, _, serverErr := handshake(t, one.Client(2), two.Server())
	if serverErr != nil {
		t.Fatal(serverErr)
	}
	leaf := *s.PeerCertificates[0]
	leaf.NotAfter = time.Now().Add(-time.Second)
	s.PeerCertificates = []*x509.Certificate{&leaf}
	if _, err := two.PeerID(s); !errors.Is(err, certfiles.ErrExpired) {
		t.Errorf("got %v, want ErrExpired", err)
	}
	if _, err := two.PeerID(tls.ConnectionState{}); !errors.Is(err, peertls.ErrNoCertificate) {
		t.Errorf("without a handshake: %v, want ErrNoCertificate", err)
	}
}

// Faults of the files are said when they are opened, with the file's key and
// name.
func TestOpenRefusesBadFiles(t *testing.T) {
	f := peertlstest.New(t)
	change := func(edit func(*x509.Certificate)) func(*testing.T, *peertls.Files) {
		return func(t *testing.T, files *peertls.Files) { peertlstest.Write(t, *files, f.Pair(t, member(1), edit)) }
	}
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, *peertls.Files)
		says  string
	}{
		{"no certificate", func(_ *testing.T, f *peertls.Files) { f.Cert = "" }, "tls.cert is missing"},
		{"no key", func(_ *testing.T, f *peertls.Files) { f.Key = "" }, "tls.key is missing"},
		{"no authority", func(_ *testing.T, f *peertls.Files) { f.CA = "" }, "tls.ca is missing"},
		{"file does not exist", func(_ *testing.T, f *peertls.Files) { f.Key += "x" }, "key.pemx"},
		{"a directory", func(t *testing.T, f *peertls.Files) { f.CA = t.TempDir() }, "tls.ca"},
		{"no PEM", func(t *testing.T, f *peertls.Files) { peertlstest.WriteFile(t, f.CA, []byte("x")) }, "tls.ca"},
		{"a byte order mark", func(t *testing.T, files *peertls.Files) {
			peertlstest.WriteFile(t, files.Cert, append([]byte("\xef\xbb\xbf"), f.Pair(t, member(1), nil).Cert...))
		}, "byte order mark"},
		{"too large", func(t *testing.T, f *peertls.Files) { peertlstest.WriteFile(t, f.CA, make([]byte, 2<<20)) }, "larger than"},
		{"another key", func(t *testing.T, files *peertls.Files) {
			peertlstest.WriteFile(t, files.Key, f.Pair(t, member(1), nil).Key)
		}, "tls.key"},
		{"another member", func(t *testing.T, files *peertls.Files) { peertlstest.Write(t, *files, f.Pair(t, member(2), nil)) }, "pontoon://abc/2"},
		{"another authority", func(t *testing.T, files *peertls.Files) {
			peertlstest.Write(t, *files, peertlstest.New(t).Pair(t, member(1), nil))
		}, "not signed by an authority in tls.ca"},
		{"expired", change(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }), "has expired"},
		{"not yet valid", change(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "clocks"},
		{"no name", change(func(c *x509.Certificate) { c.URIs = nil }), "names no member"},
		{"callers only", change(func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] }), "serverAuth"},
		{"servers only", change(func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }), "clientAuth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := f.Files(t, member(1))
			c.spoil(t, &files)
			_, err := peertls.Open(files, member(1), nil)
			if !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want ErrInvalidConfig that says %q", err, c.says)
			}
		})
	}
}

// New files serve new connections without a restart. Files that cannot be used
// change nothing, and are complained of once.
func TestFilesAreReadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := peertlstest.New(t)
		files, two := f.Files(t, member(1)), open(t, f, 2)
		var log bytes.Buffer
		one, err := peertls.Open(files, member(1), slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { one.Watch(ctx) })
		shown := func() []byte {
			// Longer than two looks, which a complaint needs.
			time.Sleep(time.Minute)
			synctest.Wait()
			c, err := one.Server().GetCertificate(nil)
			if err != nil {
				t.Fatal(err)
			}
			return c.Certificate[0]
		}
		first := shown()
		old, err := os.ReadFile(files.Cert)
		if err != nil {
			t.Fatal(err)
		}
		next := f.Pair(t, member(1), nil)
		peertlstest.WriteFile(t, files.Cert, next.Cert)
		if !bytes.Equal(shown(), first) {
			t.Error("a certificate without its key is in use")
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings, want 1:\n%s", n, log.String())
		}
		peertlstest.WriteFile(t, files.Key, next.Key)
		second := shown()
		if bytes.Equal(second, first) || bytes.Equal(next.Cert, old) {
			t.Error("the new certificate is not in use")
		}
		stop()
		watching.Wait()
		if _, _, clientErr, serverErr := handshake(t, two.Client(1), one.Server()); clientErr != nil || serverErr != nil {
			t.Errorf("with the new certificate: client %v, server %v", clientErr, serverErr)
		}
	})
}
