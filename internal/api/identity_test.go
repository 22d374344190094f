package api_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// whoAsks is a service that remembers who has asked for something last.
type whoAsks struct {
	*fakeService
	mu   sync.Mutex
	last []access.Identity // empty for requests from inside the host
}

func (s *whoAsks) note(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who, ok := access.From(ctx); ok {
		s.last = append(s.last, who)
	}
}

// take returns who has asked since it was called last.
func (s *whoAsks) take() []access.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.last
	s.last = nil
	return last
}

func (s *whoAsks) Propose(ctx context.Context, data []byte) (server.Result, error) {
	s.note(ctx)
	return s.fakeService.Propose(ctx, data)
}

// Every request carries who has made it into the service. Without TLS that is
// an address, which may do everything.
func TestARequestCarriesItsClient(t *testing.T) {
	svc := &whoAsks{fakeService: &fakeService{}}
	s := start(t, api.Options{Service: svc})
	want := access.Identity{Address: "127.0.0.1", Role: access.Administer}

	if _, err := hostClient(t, s).Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if got := svc.take(); len(got) != 1 || got[0] != want {
		t.Errorf("by gRPC: %+v, want %+v", got, want)
	}
	resp, err := http.Post("http://"+s.Addr().String()+"/v1/propose", "application/json", strings.NewReader(`{"data":"eA=="}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := svc.take(); len(got) != 1 || got[0] != want {
		t.Errorf("by JSON: %+v, want %+v", got, want)
	}
}
