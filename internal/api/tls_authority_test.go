package api_test

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
)

// Connections that were made with a certificate of an authority which is trusted no more
// end, with their streams, on both ports. Those of an authority that stays go on.
func TestConnectionsEndWithTheirAuthority(t *testing.T) {
	old, staying := newAuthority(t), newAuthority(t)
	o := old.port(t, api.AuthRequired)
	both := append(pemOf(t, old), pemOf(t, staying)...)
	writeFile(t, o.ClientCA, both)
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: &fakeService{}, TLS: o, AdminTLS: o, Metrics: r, Logger: slog.New(slog.DiscardHandler)})
	stolen, good := old.client(t, "app"), staying.client(t, "app")
	connect := func(shown tls.Certificate) (grpc.BidiStreamingClient[hostv1.ProposalBatch, hostv1.ProposalResultBatch], *http.Client) {
		t.Helper()
		conn, err := grpc.NewClient("passthrough:///"+s.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(old.trusting(shown))))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		stream, err := hostv1.NewHostClient(conn).Proposals(t.Context())
		if err == nil {
			err = propose(stream)
		}
		if err != nil {
			t.Fatal(err)
		}
		return stream, web(t, old.trusting(shown))
	}
	serves := func(c *http.Client) error {
		for _, url := range []string{"https://" + s.Addr().String() + "/v1/status", "https://" + s.AdminAddr().String() + "/livez"} {
			response, err := c.Get(url)
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				return errors.New(response.Status)
			}
		}
		return nil
	}
	stolenStream, stolenWeb := connect(stolen)
	goodStream, goodWeb := connect(good)
	for _, c := range []*http.Client{stolenWeb, goodWeb} {
		if err := serves(c); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, o.ClientCA, pemOf(t, staying))
	within(t, "the stream of the stolen key has ended", func() bool { return propose(stolenStream) != nil })
	within(t, "its requests are not answered", func() bool { return serves(stolenWeb) != nil })
	within(t, "the metric tells of both connections", func() bool { return metric(t, r, "pontoon_api_connections_closed_total") >= 2 })
	if err := propose(goodStream); err != nil {
		t.Errorf("a stream of the authority that stays: %v", err)
	}
	if err := serves(goodWeb); err != nil {
		t.Errorf("requests of the authority that stays: %v", err)
	}
}

// A request on a connection of the admin port is judged by the authorities of today.
func TestTheAdminPortAsksTheAuthoritiesOfToday(t *testing.T) {
	old := newAuthority(t)
	o := old.port(t, api.AuthRequired)
	s := start(t, api.Options{Service: &fakeService{}, TLS: o, AdminTLS: o, Logger: slog.New(slog.DiscardHandler)})
	url := "https://" + s.AdminAddr().String() + "/livez"
	shown := old.client(t, "app")
	c := web(t, old.trusting(shown))
	var last *http.Response
	ask := func() error {
		response, err := c.Get(url)
		if err == nil {
			last = response
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		return err
	}
	if err := ask(); err != nil || last.StatusCode != http.StatusOK {
		t.Fatal(err)
	}
	writeFile(t, o.ClientCA, pemOf(t, newAuthority(t)))
	// Not on its own connection, which would be closed over a request that is being
	// answered when the file is read.
	within(t, "another connection is refused", func() bool {
		other := web(t, old.trusting(shown))
		defer other.CloseIdleConnections()
		response, err := other.Get(url)
		if err == nil {
			response.Body.Close()
		}
		return err != nil
	})
	if err := ask(); err != nil || last.StatusCode == http.StatusOK {
		t.Errorf("on the connection that it has: %v, %s", err, last.Status)
	}
	if ask() == nil {
		t.Errorf("the next connection is answered with %s", last.Status)
	}
}

// A client chooses what is found wrong first with what it has shown: the connection ends
// with its authority also if its certificate has ended meanwhile, or if the chain has an ended
// certificate of the authority's own key besides.
func TestConnectionsEndWithTheirAuthorityWhateverTheyHaveShown(t *testing.T) {
	old, staying := newAuthority(t), newAuthority(t)
	o := old.port(t, api.AuthRequired)
	writeFile(t, o.ClientCA, append(pemOf(t, old), pemOf(t, staying)...))
	s := start(t, api.Options{Service: &fakeService{}, TLS: o, Logger: slog.New(slog.DiscardHandler)})
	brief, end := old.briefly(t)
	twin := old.client(t, "app")
	twin.Certificate = append(twin.Certificate, old.endedTwin(t))
	ends := map[string]<-chan error{}
	for name, shown := range map[string]tls.Certificate{"ended": brief, "with an ended twin": twin, "staying": staying.client(t, "app")} {
		conn, err := tls.Dial("tcp", s.Addr().String(), old.trusting(shown))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		answers := bufio.NewReader(conn)
		_, _ = io.WriteString(conn, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
		response, err := http.ReadResponse(answers, nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", name, response, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		ended := make(chan error, 1)
		go func() {
			_, err := answers.ReadByte()
			ended <- err
		}()
		ends[name] = ended
	}
	within(t, "the brief certificate has ended", func() bool { return time.Now().After(end) })
	writeFile(t, o.ClientCA, pemOf(t, staying))
	for name, ended := range ends {
		if name == "staying" {
			continue
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the connection goes on", name)
		}
	}
	select {
	case err := <-ends["staying"]:
		t.Errorf("the connection of the authority that stays has ended: %v", err)
	default:
	}
}

// A client may have made its handshake and shown nothing else when its authority is
// replaced.
func TestAConnectionThatWaitsEndsWithItsAuthority(t *testing.T) {
	old := newAuthority(t)
	o := old.port(t, api.AuthRequired)
	s := start(t, api.Options{Service: &fakeService{}, TLS: o, Logger: slog.New(slog.DiscardHandler)})
	config := old.trusting(old.client(t, "app"))
	config.NextProtos = []string{"h2"}
	dial := func() *tls.Conn {
		conn, err := tls.Dial("tcp", s.Addr().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	waiting := dial()
	writeFile(t, o.ClientCA, pemOf(t, newAuthority(t)))
	within(t, "new connections are refused", func() bool {
		conn := dial()
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := conn.Read(make([]byte, 1))
		return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
	})
	if _, err := io.WriteString(waiting, http2.ClientPreface); err != nil {
		return // it is closed already
	}
	_ = waiting.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := waiting.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is served: %d bytes, %v", n, err)
	}
}

// A request of the admin port that takes as long as its client wants, as a profile does,
// ends with the authority.
func TestARequestOfTheAdminPortEndsWithItsAuthority(t *testing.T) {
	old, staying := newAuthority(t), newAuthority(t)
	o := old.port(t, api.AuthRequired)
	writeFile(t, o.ClientCA, append(pemOf(t, old), pemOf(t, staying)...))
	svc := &slowService{fakeService: &fakeService{}, asked: make(chan struct{}, 2), release: make(chan struct{})}
	s := start(t, api.Options{Service: svc, TLS: o, AdminTLS: o, Logger: slog.New(slog.DiscardHandler)})
	release := sync.OnceFunc(func() { close(svc.release) })
	defer release()
	ask := func(a *authority) <-chan error {
		c := web(t, old.trusting(a.client(t, "app")))
		c.Timeout = 0
		answered := make(chan error, 1)
		go func() {
			response, err := c.Get("https://" + s.AdminAddr().String() + "/livez")
			if err == nil {
				response.Body.Close()
			}
			answered <- err
		}()
		<-svc.asked
		return answered
	}
	stolen, good := ask(old), ask(staying)
	writeFile(t, o.ClientCA, pemOf(t, staying))
	select {
	case err := <-stolen:
		if err == nil {
			t.Error("the request of the stolen key was answered")
		}
	case <-time.After(10 * time.Second):
		t.Error("the request of the stolen key goes on")
	}
	release()
	if err := <-good; err != nil {
		t.Errorf("the request of the authority that stays: %v", err)
	}
}

// A slowService says only when it is released whether it lives.
type slowService struct {
	*fakeService
	asked, release chan struct{}
}

func (s *slowService) Live() error {
	s.asked <- struct{}{}
	<-s.release
	return nil
}

// endedTwin is a certificate of the authority's key, in its name, that has ended.
func (a *authority) endedTwin(t *testing.T) []byte {
	t.Helper()
	twin := *a.Certificate
	twin.NotAfter = time.Now().Add(-time.Minute)
	der, err := x509.CreateCertificate(rand.Reader, &twin, a.Certificate, a.Certificate.PublicKey, usable(t)(a.Pair()).PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pemOf(t *testing.T, a *authority) []byte {
	t.Helper()
	own, err := a.Pair()
	if err != nil {
		t.Fatal(err)
	}
	return own.Cert
}

// propose makes one proposal on a stream and awaits its answer.
func propose(stream grpc.BidiStreamingClient[hostv1.ProposalBatch, hostv1.ProposalResultBatch]) error {
	if err := stream.Send(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Id: 1, Data: []byte("x")}}}); err != nil {
		return err
	}
	_, err := stream.Recv()
	return err
}
