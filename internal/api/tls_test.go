package api_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/membercert"
)

// A client is known by the name in its certificate, over gRPC, over JSON and on
// the admin port. One that may come without has its address.
func TestAClientIsKnownByItsCertificate(t *testing.T) {
	a := newAuthority(t)
	named := access.Identity{Name: "app", Method: "certificate", Role: access.Administer, Address: "127.0.0.1"}
	nameless := access.Identity{Role: access.Administer, Address: "127.0.0.1"}
	for _, c := range []struct {
		name  string
		auth  api.ClientAuth
		shown []tls.Certificate
		want  access.Identity
	}{
		{"required", api.AuthRequired, []tls.Certificate{a.client(t, "app")}, named},
		{"optional, with", api.AuthOptional, []tls.Certificate{a.client(t, "app")}, named},
		{"optional, without", api.AuthOptional, nil, nameless},
		{"none", api.AuthNone, []tls.Certificate{a.client(t, "app")}, nameless},
	} {
		t.Run(c.name, func(t *testing.T) {
			svc := &whoAsks{fakeService: &fakeService{}}
			port := a.port(t, c.auth)
			s := start(t, api.Options{Service: svc, TLS: port, AdminTLS: port})
			config := a.trusting(c.shown...)
			if err := rpc(t, s, config); err != nil {
				t.Fatal(err)
			}
			if got := svc.take(); len(got) != 1 || got[0] != c.want {
				t.Errorf("by gRPC: %+v, want %+v", got, c.want)
			}
			resp, err := web(t, config).Post("https://"+s.Addr().String()+"/v1/propose", "application/json", strings.NewReader(`{"data":"eA=="}`))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := svc.take(); resp.StatusCode != http.StatusOK || len(got) != 1 || got[0] != c.want {
				t.Errorf("by JSON: %s, %+v, want %+v", resp.Status, got, c.want)
			}
			if resp, err = web(t, config).Get("https://" + s.AdminAddr().String() + "/livez"); err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("admin port: %v, error %v", resp, err)
			}
			resp.Body.Close()
		})
	}
}

// A client without a good certificate does not get as far as a request.
func TestClientsWithoutAGoodCertificateAreRefused(t *testing.T) {
	a := newAuthority(t)
	signed := func(change func(*x509.Certificate)) tls.Certificate {
		return usable(t)(a.Sign(membercert.Name{Cluster: 1, Member: 2}, nil, time.Hour, func(c *x509.Certificate) {
			c.URIs[0] = membercert.ClientURI("app")
			change(c)
		}))
	}
	s := start(t, api.Options{Service: &fakeService{}, TLS: a.port(t, api.AuthRequired), Logger: slog.New(slog.DiscardHandler)})
	for _, c := range []struct {
		name   string
		shown  []tls.Certificate
		reason string
	}{
		{"none", nil, "no_certificate"},
		{"of another authority", []tls.Certificate{newAuthority(t).client(t, "app")}, "unknown_authority"},
		{"expired", []tls.Certificate{signed(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })}, "expired"},
		{"of a server", []tls.Certificate{usable(t)(a.IssueServer("app", nil, time.Hour))}, "wrong_usage"},
		{"of a member", []tls.Certificate{usable(t)(a.Issue(membercert.Name{Cluster: 1, Member: 2}, nil, time.Hour))}, "member"},
		{"without a name", []tls.Certificate{signed(func(c *x509.Certificate) { c.URIs, c.Subject.CommonName = nil, "" })}, "no_name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.RefusedHandshakes()[c.reason]
			config := a.trusting()
			// This holds for all authorities that the port may name.
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if c.shown == nil {
					return &tls.Certificate{}, nil
				}
				return &c.shown[0], nil
			}
			if err := rpc(t, s, config); status.Code(err) != codes.Unavailable {
				t.Errorf("got %v, want no connection", err)
			}
			within(t, "the refusal is counted", func() bool { return s.RefusedHandshakes()[c.reason] > before })
		})
	}
	if err := rpc(t, s, a.trusting(a.client(t, "app"))); err != nil {
		t.Errorf("with a good certificate: %v", err)
	}
	if err := rpc(t, s, newAuthority(t).trusting()); err == nil {
		t.Error("a client that does not trust the port's authority has connected")
	}
	old := a.trusting(a.client(t, "app"))
	old.MaxVersion = tls.VersionTLS12
	if err := rpc(t, s, old); err == nil {
		t.Error("TLS 1.2 is accepted")
	}
}

// The protocol is agreed in the handshake. A client that speaks both gets JSON;
// one that knows nothing of such agreements is sorted by its first bytes.
func TestTheHandshakeAgreesOnTheProtocol(t *testing.T) {
	a := newAuthority(t)
	s := start(t, api.Options{Service: &fakeService{}, TLS: a.port(t, api.AuthNone)})
	for _, c := range []struct {
		name    string
		offered []string
		agreed  string
	}{
		{"gRPC", []string{"h2"}, "h2"},
		{"curl", []string{"h2", "http/1.1"}, "http/1.1"},
		{"HTTP/1.1", []string{"http/1.1"}, "http/1.1"},
		{"nothing", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := a.trusting()
			config.NextProtos = c.offered
			conn, err := tls.Dial("tcp", s.Addr().String(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := conn.ConnectionState().NegotiatedProtocol; got != c.agreed {
				t.Errorf("agreed on %q, want %q", got, c.agreed)
			}
			if c.agreed == "h2" {
				return
			}
			if _, err := io.WriteString(conn, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			if err != nil || !strings.Contains(string(answer), `"name":"n1"`) {
				t.Errorf("answer %q, error %v", answer, err)
			}
		})
	}
}

// A client without TLS reads in its own protocol what the port wants.
func TestAPlainClientIsToldThatThePortWantsTLS(t *testing.T) {
	a := newAuthority(t)
	port := a.port(t, api.AuthNone)
	s := start(t, api.Options{Service: &fakeService{}, TLS: port, AdminTLS: port})
	if _, err := hostClient(t, s).Status(t.Context(), &hostv1.StatusRequest{}); err == nil || !strings.Contains(err.Error(), "this port wants TLS") {
		t.Errorf("by gRPC: %v", err)
	}
	for port, says := range map[net.Addr]string{s.Addr(): "this port wants TLS", s.AdminAddr(): "HTTPS"} {
		resp, err := http.Get("http://" + port.String() + "/v1/status")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), says) {
			t.Errorf("by HTTP: %s, %q", resp.Status, text)
		}
	}
}

// And the other way round: a client with TLS sees that the port has none.
func TestAClientWithTLSSeesThatThePortHasNone(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}})
	_, err := tls.Dial("tcp", s.Addr().String(), newAuthority(t).trusting())
	if !errors.As(err, new(tls.RecordHeaderError)) {
		t.Errorf("got %v, want a record header error", err)
	}
}

// Handshakes that do not go on hold no places from others.
func TestHalfHandshakesHoldNoPlaces(t *testing.T) {
	a := newAuthority(t)
	s := start(t, api.Options{
		Service: &fakeService{}, TLS: a.port(t, api.AuthNone), Logger: slog.New(slog.DiscardHandler),
		Limits: api.Limits{MaxConnections: 20, FirstBytes: time.Hour},
	})
	for range 36 { // all there are, with those reserved
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte{0x16, 3, 1}); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "a client gets in", func() bool { return rpc(t, s, a.trusting()) == nil })
}
