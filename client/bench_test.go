package client_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

// BenchmarkPropose is client, internal/api and a service that answers at once, all
// in one process. It is the cost of the client's side of a proposal.
func BenchmarkPropose(b *testing.B) {
	for _, callers := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			c := newClient(b, client.Options{Endpoints: newCluster(b, 1).endpoints()})
			data := make([]byte, 256)
			if _, err := c.Propose(context.Background(), data); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := c.Propose(context.Background(), data); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
	}
}
