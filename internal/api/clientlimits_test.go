package api

import (
	"errors"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// fullService has no room.
type fullService struct{ server.Service }

func (fullService) Full(int) error {
	return &server.Error{Err: server.ErrTooManyRequests, Detail: "the host's"}
}

// A value that is refused by its head is a request of its client: a client that
// sends many comes up against its own limit.
func TestAnEarlyRefusalCountsAgainstTheLimitOfItsClient(t *testing.T) {
	guard, err := access.New(&access.Policy{Anonymous: access.Administer, Limits: map[string]access.Limit{"app": {RequestsPerSecond: 2}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	svc := limitedService{fullService{}, guard.Client(access.Identity{Name: "app"}, time.Now())}
	var own int
	for range 10 {
		var e *server.Error
		if err := svc.Full(1 << 20); !errors.As(err, &e) {
			t.Fatalf("refused with %v", err)
		} else if e.Detail != "the host's" {
			own++
		}
	}
	if own < 7 {
		t.Errorf("%d of 10 were refused by the client's limit of 2 a second", own)
	}
}
