package client_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

func TestProposeReturnsTheResult(t *testing.T) {
	c := newClient(t, client.Options{Endpoints: newCluster(t, 1).endpoints()})
	got, err := c.Propose(context.Background(), []byte("value"))
	if err != nil || string(got.Data) != "value" || got.Index != 1 {
		t.Fatalf("Propose() = %+v, %v, want index 1 and the value", got, err)
	}
}

func TestTenThousandConcurrentProposals(t *testing.T) {
	c := newClient(t, client.Options{Endpoints: newCluster(t, 1).endpoints()})
	var all sync.WaitGroup
	for i := range 10_000 {
		all.Go(func() {
			data := fmt.Appendf(nil, "value %d", i)
			got, err := c.Propose(context.Background(), data)
			if err != nil || !bytes.Equal(got.Data, data) {
				t.Errorf("Propose(%d) = %q, %v", i, got.Data, err)
			}
		})
	}
	all.Wait()
}
