package connections

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
)

// secured is loopback with certificates of members.
type secured struct {
	loopback
	files TLS
}

func (s secured) TLS() *TLS { return &s.files }

func named(id uint64) membercert.Name { return membercert.Name{Cluster: 9, Member: id} }

// securedMember is node 1, and callers with certificates reach it by dial.
func securedMember(t *testing.T) (n *node, f *peertlstest.Forge, dial func(tls.Certificate) *link) {
	t.Helper()
	f = peertlstest.New(t)
	n, address, _ := memberOf(t, secured{files: TLS(f.Files(t, named(1)))})
	return n, f, func(c tls.Certificate) *link {
		conf := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}
		if len(c.Certificate) > 0 {
			conf.Certificates = []tls.Certificate{c}
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		l := newLink(conn)
		l.secure(tls.Client(conn, conf))
		return l
	}
}

// said is the answer to a hello; none if the connection ends before.
func said(n *node, l *link, h hello) (a answer) {
	if writeJSON(l.conn, frameHello, h) == nil {
		_ = n.readJSON(l.r, frameAnswer, &a)
	}
	return a
}

// Callers with certificates speak for themselves alone, and others are not heard.
func TestCallersProveWhoTheyAre(t *testing.T) {
	n, forge, dial := securedMember(t)
	if a := said(n, dial(forge.Certificate(t, named(2), nil)), good(laneBulk)); a.Code != codeWelcome {
		t.Errorf("a member got %+v", a)
	}
	if a := said(n, dial(forge.Certificate(t, named(3), nil)), good(laneBulk)); a.Code != codeRefused {
		t.Errorf("another member under its name got %+v", a)
	}
	for _, s := range forge.Strangers(t, named(2)) {
		if a := said(n, dial(s.Certificate), good(laneBulk)); a.Code != "" {
			t.Errorf("%s got %+v", s.Name, a)
		}
	}
	conn, err := net.Dial("tcp", n.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if a := said(n, newLink(conn), good(laneBulk)); a.Code != "" {
		t.Errorf("a caller without TLS got %+v", a)
	}
}

// A stranger with a certificate is heard once a member says that it is one.
func TestPeersVouchForCallers(t *testing.T) {
	n, forge, dial := securedMember(t)
	stranger := forge.Certificate(t, named(3), nil)
	asks := hello{Cluster: 9, From: 3, To: 1, Lane: laneBulk}
	if a := said(n, dial(stranger), asks); a.Code != codeRefused {
		t.Fatalf("a stranger got %+v", a)
	}
	other := New(nil, Backend{Info: n.backend.Info, Configure: func([]byte) (Network, error) {
		return secured{files: TLS(forge.Files(t, named(2)))}, nil
	}})
	opts := n.opts
	opts.NodeID = 2
	address, err := other.Open(t.Context(), opts, &heard{})
	if err == nil {
		err = other.SetPeers(t.Context(), transport.PeerSet{Peers: []transport.Peer{{Id: 1, Urls: []string{"tcp://" + n.listener.Addr().String()}}, {Id: 3}}})
	}
	if err == nil {
		err = n.SetPeers(transport.PeerSet{Peers: []transport.Peer{{Id: 2, Urls: []string{"tcp://" + address}}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	for late := time.After(time.Minute); said(n, dial(stranger), asks).Code != codeWelcome; {
		select {
		case <-late:
			t.Fatal("it is not heard")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A caller whose handshake stands still has its place for as long as one without a hello.
func TestHandshakesThatStandStillGo(t *testing.T) {
	n, _, _ := securedMember(t)
	conn, err := net.Dial("tcp", n.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	awaitEnd(t, newLink(conn))
}
