package quictransport

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/quic-go/quic-go"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
)

func member(id uint64) membercert.Name { return membercert.Name{Cluster: testCluster, Member: id} }

// Members with certificates of their cluster talk to each other.
func TestMembersWithCertificates(t *testing.T) {
	forge := peertlstest.New(t)
	atOne, atTwo := &events{}, &events{}
	one, urlOne := openNode(t, 1, forge.Config(t, member(1)), atOne)
	two, urlTwo := openNode(t, 2, forge.Config(t, member(2)), atTwo)
	connect(t, one, 2, urlTwo)
	connect(t, two, 1, urlOne)
	establish(t, one, atTwo, 1, 2)
	establish(t, two, atOne, 2, 1)
}

// With certificates there is no need for insecure off loopback.
func TestCertificatesAllowAllAddresses(t *testing.T) {
	opts := testOptions(1, peertlstest.New(t).Config(t, member(1)))
	opts.Listen = "0.0.0.0:0"
	tr, _ := openWith(t, quick, opts, &events{})
	connect(t, tr, 2, "quic://198.51.100.1:1")
}

// A node that pretends to be member 2 is refused, as the caller and as the
// called end; no other connection is harmed, and no message gets through.
func TestStrangersAreRefused(t *testing.T) {
	forge := peertlstest.New(t)
	for _, stranger := range forge.Strangers(t, member(2)) {
		t.Run(stranger.Name, func(t *testing.T) {
			got := &events{}
			tr, url := openNode(t, 1, forge.Config(t, member(1)), got)
			a, err := pretend(t, url, stranger.Certificate, testHello(2, 1))
			if err == nil {
				t.Errorf("as a caller: answered %+v", a)
			}
			connect(t, tr, 2, strangeServer(t, stranger.Certificate))
			eventually(t, "failed dials", func() bool {
				p := endpointOf(tr).Roster.Named()[2]
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.failures > 1
			}, nil)
			if got.count(pluginv1.EventType_EVENT_ACTIVE, 2) > 0 {
				t.Error("a stranger became active")
			}
		})
	}
}

// A member with a good certificate cannot speak for another one.
func TestClaimsAreCompared(t *testing.T) {
	forge := peertlstest.New(t)
	_, url := openNode(t, 1, forge.Config(t, member(1)), &events{})
	certificate := forge.Certificate(t, member(3), nil)
	if a, err := pretend(t, url, certificate, testHello(2, 1)); err != nil || a.code != codeRefused {
		t.Errorf("member 3 as member 2: got %+v, error %v, want a refusal", a, err)
	}
	if a, err := pretend(t, url, certificate, testHello(3, 1)); err != nil || a.code != codeWelcome {
		t.Errorf("member 3 as itself: got %+v, error %v, want a welcome", a, err)
	}
}

// notes is a log that others write to meanwhile.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) count(what string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Count(n.text.String(), what)
}

// Callers that are refused in turn, again and again, have one line each in the
// log, with their address, and are all counted.
func TestRefusalsAreLoggedOnce(t *testing.T) {
	forge, log := peertlstest.New(t), &notes{}
	tr := New(backend.Env{Logger: slog.New(slog.NewTextHandler(log, nil))}).(*opened)
	tr.Timing = quick
	address, err := tr.Open(context.Background(), testOptions(1, forge.Config(t, member(1))), &events{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tr.Close(context.Background()) }()
	elsewhere, other := forge.Certificate(t, membercert.Name{Cluster: testCluster + 1, Member: 2}, nil), forge.Certificate(t, member(3), nil)
	const rounds = 5
	for range rounds {
		_, _ = pretend(t, "quic://"+address, elsewhere, testHello(2, 1))
		_, _ = pretend(t, "quic://"+address, other, testHello(2, 1))
	}
	r := endpointOf(tr).Trust.Refusals
	eventually(t, "all to be counted", func() bool {
		return r.Count("other_cluster") == rounds && r.Count("other_sender") == rounds
	}, nil)
	if log.count("caller refused") != 2 || log.count("address=127.0.0.1:") != 2 {
		t.Errorf("the log is\n%s", log.text.String())
	}
	var metrics strings.Builder
	if err := tr.WriteMetrics(&metrics); err != nil {
		t.Fatal(err)
	}
	if want := `pontoon_transport_quic_refused_total{reason="other_sender"} 5`; !strings.Contains(metrics.String(), want) {
		t.Errorf("%s is missing in\n%s", want, metrics.String())
	}
}

// A node with certificates and one without do not talk.
func TestCertificatesOnOneSideOnly(t *testing.T) {
	forge := peertlstest.New(t)
	atOne, atTwo := &events{}, &events{}
	one, urlOne := openNode(t, 1, forge.Config(t, member(1)), atOne)
	two, urlTwo := openNode(t, 2, "", atTwo)
	connect(t, one, 2, urlTwo)
	connect(t, two, 1, urlOne)
	eventually(t, "failed dials", func() bool {
		for _, p := range []*peer{endpointOf(one).Roster.Named()[2], endpointOf(two).Roster.Named()[1]} {
			p.mu.Lock()
			failures := p.failures
			p.mu.Unlock()
			if failures < 2 {
				return false
			}
		}
		return true
	}, nil)
	if atOne.count(pluginv1.EventType_EVENT_ACTIVE, 2)+atTwo.count(pluginv1.EventType_EVENT_ACTIVE, 1) > 0 {
		t.Error("they are connected")
	}
}

// pretend dials with a certificate, says h and returns the answer.
func pretend(t *testing.T, url string, certificate tls.Certificate, h hello) (answer, error) {
	t.Helper()
	c := newCaller(t)
	address, err := net.ResolveUDPAddr("udp", strings.TrimPrefix(url, "quic://"))
	if err != nil {
		t.Fatal(err)
	}
	config := clientOf(alpn)
	if len(certificate.Certificate) > 0 {
		config.Certificates = []tls.Certificate{certificate}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := c.quic.Dial(ctx, address, config, &quic.Config{})
	if err != nil {
		return answer{}, err
	}
	defer closeConn(conn, closeDone, errClosing)
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return answer{}, err
	}
	if _, err := stream.Write(greeting(h)); err != nil {
		return answer{}, err
	}
	b, err := readGreeting(stream)
	if err != nil {
		return answer{}, err
	}
	return decodeAnswer(b)
}

// strangeServer welcomes every caller as if it were member 2.
func strangeServer(t *testing.T, certificate tls.Certificate) string {
	t.Helper()
	if len(certificate.Certificate) == 0 {
		var err error
		if certificate, err = throwaway(); err != nil {
			t.Fatal(err)
		}
	}
	c := newCaller(t)
	l, err := c.quic.Listen(&tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{alpn}}, &quic.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("quic://%s", l.Addr())
}
