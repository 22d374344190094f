package api_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// crowded is a server with two places for clients, both taken, and a client for
// each of the sixteen places that are reserved.
func crowded(t *testing.T, idle time.Duration) (*api.Server, []hostv1.HostClient) {
	t.Helper()
	s := start(t, api.Options{
		Service: &fakeService{}, Logger: slog.New(slog.DiscardHandler),
		Limits: api.Limits{MaxConnections: 2, ReservedIdle: idle},
	})
	for range 2 {
		if _, err := hostClient(t, s).Status(t.Context(), &hostv1.StatusRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	var reserved []hostv1.HostClient
	for range 16 {
		reserved = append(reserved, hostClient(t, s))
	}
	return s, reserved
}

// slowChange is a service whose changes of the membership wait.
type slowChange struct {
	*fakeService
	begun, free chan struct{}
}

func (s slowChange) AddMember(ctx context.Context, m server.Member, o server.ChangeOptions) (server.Membership, error) {
	close(s.begun)
	<-s.free
	return s.fakeService.AddMember(ctx, m, o)
}

// An administrator's request that takes long is answered, although another one
// is refused on the same connection meanwhile, or nothing else comes.
func TestLongRequestsOnAReservedPlaceAreAnswered(t *testing.T) {
	svc := slowChange{&fakeService{}, make(chan struct{}), make(chan struct{})}
	s := start(t, api.Options{
		Service: svc, Logger: slog.New(slog.DiscardHandler),
		Limits: api.Limits{MaxConnections: 1, ReservedIdle: 10 * time.Millisecond},
	})
	if _, err := hostClient(t, s).Status(t.Context(), &hostv1.StatusRequest{}); err != nil {
		t.Fatal(err)
	}
	operator := hostClient(t, s)
	added := make(chan error, 1)
	go func() {
		_, err := operator.AddMember(t.Context(), &hostv1.AddMemberRequest{Member: &hostv1.Member{
			Id: "4", Name: "n4", PeerUrls: []string{"http://n4:1"}, ClientAddress: "n4:2",
		}})
		added <- err
	}()
	<-svc.begun
	if _, err := operator.Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("x")}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a proposal beside it: %v", err)
	}
	<-time.After(50 * time.Millisecond) // several times the idle limit
	close(svc.free)
	if err := <-added; err != nil {
		t.Errorf("the change ended with %v", err)
	}
}

// getsIn waits until an operator who tries again gets an answer.
func getsIn(t *testing.T, s *api.Server) {
	t.Helper()
	operator := hostClient(t, s)
	within(t, "an operator gets in", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := operator.Status(ctx, &hostv1.StatusRequest{})
		return err == nil
	})
}

// However many clients keep their connections, an operator gets in: a place
// that is reserved for administration is not kept by who was refused on it. The
// refusal arrives whole before the connection is closed.
func TestRefusedClientsDoNotKeepTheReservedPlaces(t *testing.T) {
	s, clients := crowded(t, time.Hour)
	for i, c := range clients {
		if _, err := c.Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("x")}); status.Code(err) != codes.ResourceExhausted {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	getsIn(t, s)
}

// Nor is it kept by who has asked something that is served, and asks nothing
// more.
func TestIdleConnectionsDoNotKeepTheReservedPlaces(t *testing.T) {
	s, clients := crowded(t, 50*time.Millisecond)
	for i, c := range clients {
		if _, err := c.Status(t.Context(), &hostv1.StatusRequest{}); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	getsIn(t, s)
}

func TestAFullPortLeavesPlacesForAdministration(t *testing.T) {
	s := start(t, api.Options{
		Service: &fakeService{}, Limits: api.Limits{MaxConnections: 2}, Logger: slog.New(slog.DiscardHandler),
	})
	// Both places are taken once these are answered.
	_, err := hostClient(t, s).Status(context.Background(), &hostv1.StatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	held := connect(t, s)
	if _, err := io.WriteString(held, "GET /v1/status HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(held), nil); err != nil {
		t.Fatal(err)
	}
	administrationOnly(t, s)
	for range 16 { // those who were refused give theirs back
		within(t, "a reserved place is free", func() bool {
			connection := connect(t, s)
			_, err := io.WriteString(connection, "GET /v1/members HTTP/1.1\r\nHost: h\r\n\r\n")
			if err == nil {
				_, err = http.ReadResponse(bufio.NewReader(connection), nil)
			}
			return err == nil
		})
	}
	closedByHost(t, connect(t, s))
	// A place that is given back can be taken again.
	held.Close()
	within(t, "a place is free", func() bool {
		resp, err := httpClient().Get("http://" + s.Addr().String() + "/v1/status")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// administrationOnly checks what is served on connections beyond the limit, and
// keeps none.
func administrationOnly(t *testing.T, s *api.Server) {
	t.Helper()
	conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, host := context.Background(), hostv1.NewHostClient(conn)
	if _, err := host.RemoveMember(ctx, &hostv1.RemoveMemberRequest{Id: "a"}); err != nil {
		t.Errorf("RemoveMember() = %v", err)
	}
	if _, err := host.TransferLeader(ctx, &hostv1.TransferLeaderRequest{}); err != nil {
		t.Errorf("TransferLeader() = %v", err)
	}
	if _, err := host.Propose(ctx, &hostv1.ProposeRequest{Data: []byte("x")}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("Propose() = %v", err)
	}
	if stream, err := host.Proposals(ctx); err != nil {
		t.Error(err)
	} else if _, err := stream.Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("Proposals() = %v", err)
	}
	for _, x := range []struct {
		request string
		want    int
	}{
		{"POST /v1/query HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", http.StatusTooManyRequests},
		{"GET /v1/status HTTP/1.1\r\nHost: h\r\n\r\n", http.StatusOK},
	} {
		connection := connect(t, s)
		if _, err := io.WriteString(connection, x.request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if refused := x.want == http.StatusTooManyRequests; resp.Close != refused {
			t.Errorf("%q: the connection is closed: %v", x.request, resp.Close)
		}
		connection.Close()
		if resp.StatusCode != x.want {
			t.Errorf("%q is answered with %d", x.request, resp.StatusCode)
		}
	}
}
