package api_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/membercert"
)

// dialBriefly connects to s with a certificate that ends after two seconds.
func (a *authority) dialBriefly(t *testing.T, s *api.Server) *grpc.ClientConn {
	t.Helper()
	brief, _ := a.briefly(t)
	conn, err := grpc.NewClient("passthrough:///"+s.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(a.trusting(brief))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// briefly is a client's certificate that ends after two seconds.
func (a *authority) briefly(t *testing.T) (shown tls.Certificate, end time.Time) {
	t.Helper()
	end = time.Now().Add(2 * time.Second)
	return usable(t)(a.Sign(membercert.Name{Cluster: 1, Member: 2}, nil, time.Hour, func(c *x509.Certificate) {
		c.URIs[0], c.NotAfter = membercert.ClientURI("app"), end
	})), end
}

// A connection does not speak for a client longer than the certificate does.
func TestAConnectionDoesNotOutliveTheCertificate(t *testing.T) {
	a := newAuthority(t)
	s := start(t, api.Options{Service: &fakeService{}, TLS: a.port(t, api.AuthRequired), Logger: slog.New(slog.DiscardHandler)})
	conn := a.dialBriefly(t, s)
	host := hostv1.NewHostClient(conn)
	if _, err := host.Status(t.Context(), &hostv1.StatusRequest{}); err != nil {
		t.Fatal(err)
	}
	within(t, "the connection speaks for the client no more", func() bool {
		_, err := host.Status(t.Context(), &hostv1.StatusRequest{})
		if err != nil && status.Code(err) != codes.Unauthenticated {
			t.Fatal(err)
		}
		return err != nil
	})
}

// A stream that lasts ends with the certificate too: requests that were read are
// answered, and the rest is not applied.
func TestAStreamEndsWithItsCertificate(t *testing.T) {
	a := newAuthority(t)
	svc := &fakeService{hold: true}
	s := start(t, api.Options{Service: svc, TLS: a.port(t, api.AuthRequired), Logger: slog.New(slog.DiscardHandler)})
	conn := a.dialBriefly(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stream, err := hostv1.NewHostClient(conn).Proposals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	watch, err := grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	send(t, stream, 7, "x")
	within(t, "the proposal is read", func() bool { return svc.heldCount() == 1 })
	_, err = watch.Recv()
	if f := failureIn(t, err); f.GetReason() != "bad_certificate" {
		t.Errorf("the end of a watch: %v, %v", f, err)
	}
	svc.release(nil)
	if got, err := stream.Recv(); err != nil || len(got.GetResults()) != 1 || got.GetResults()[0].GetFailure() != nil {
		t.Errorf("the answer to what was read: %v, %v", got, err)
	}
	_, err = stream.Recv()
	if f := failureIn(t, err); f.GetReason() != "bad_certificate" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
		t.Errorf("the end: %v, %v", f, err)
	}
}
