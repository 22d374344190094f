package core_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// deafMachine does not end a query when its client has gone.
type deafMachine struct {
	*statemachinetest.Register
	asked, release chan struct{}
}

func (m deafMachine) Query(ctx context.Context, data []byte) ([]byte, error) {
	close(m.asked)
	<-m.release
	return m.Register.Query(ctx, data)
}

// Statement A5: a call of a client that does not end, because a state machine inside
// the host is deaf, takes no more than its share of a stop. All that comes after it
// ends as ever: nothing else is named, and the data directory is free for the next
// host.
func TestA5ACallThatDoesNotEndHoldsUpNoStop(t *testing.T) {
	deaf := deafMachine{statemachinetest.NewRegister(), make(chan struct{}), make(chan struct{})}
	var dir string
	c := newCluster(t, 1, func(cfg *core.Config) {
		if dir != "" {
			cfg.DataDir = dir
			return
		}
		dir = cfg.DataDir
		cfg.Backends[1] = backend.StateMachine("register", func(backend.Env) statemachine.StateMachine { return deaf })
	})
	c.leader()
	url := "http://" + c.nodes[1].host.Addr().String() + "/v1/query"
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		resp, err := http.Post(url, "application/json", strings.NewReader(`{"data":"AA==","consistency":"CONSISTENCY_STALE"}`))
		if err == nil {
			resp.Body.Close()
		}
	}()
	<-deaf.asked
	begun := time.Now()
	err := c.nodes[1].host.Stop(context.Background())
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
	for _, innocent := range []string{"server goroutine", "data directory", "audit", "memory", "network", "catalog"} {
		if err != nil && strings.Contains(err.Error(), innocent) {
			t.Errorf("the stop names %q, which ended: %v", innocent, err)
		}
	}
	close(deaf.release)
	<-answered
	if _, err := c.tryStart(1, true); err != nil {
		t.Errorf("the next host: %v", err)
	}
}
