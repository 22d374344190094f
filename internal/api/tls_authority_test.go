package api_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
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
	if metric(t, r, "pontoon_api_connections_closed_total") < 2 {
		t.Error("the metric does not tell of both connections")
	}
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
	c := web(t, old.trusting(old.client(t, "app")))
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
	within(t, "it is refused on the connection that it has", func() bool {
		return ask() == nil && last.StatusCode != http.StatusOK
	})
	if ask() == nil {
		t.Errorf("the next connection is answered with %s", last.Status)
	}
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
