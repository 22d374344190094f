package api_test

import (
	"context"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// BenchmarkAuditedProposals is what a proposal of 256 bytes costs from a stream to
// its answer, in batches of 1000, with a service that answers at once: without an
// audit, and with each write recorded on a disk.
func BenchmarkAuditedProposals(b *testing.B) {
	for _, level := range []audit.Level{audit.Off, audit.Changes, audit.Writes} {
		b.Run(string(level), func(b *testing.B) {
			l, err := audit.New(audit.Options{Level: level, Dir: b.TempDir(), Member: "1", Name: "n1", MaxFileBytes: defaults.AuditFileBytes, MaxFiles: defaults.AuditFiles})
			if err != nil {
				b.Fatal(err)
			}
			if err := l.Start(); err != nil {
				b.Fatal(err)
			}
			b.Cleanup(l.Close)
			c := hostClient(b, start(b, api.Options{Service: &fakeService{}, Audit: l}))
			stream, err := c.Proposals(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			batch := &hostv1.ProposalBatch{}
			for i := range 1000 {
				batch.Proposals = append(batch.Proposals, &hostv1.Proposal{Id: uint64(i), Data: make([]byte, 256)})
			}
			for b.Loop() {
				if err := stream.Send(batch); err != nil {
					b.Fatal(err)
				}
				for answers := 0; answers < len(batch.GetProposals()); {
					got, err := stream.Recv()
					if err != nil {
						b.Fatal(err)
					}
					answers += len(got.GetResults())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/proposal")
			if level == audit.Writes && l.Dropped() > 0 {
				b.Logf("%d of %d records were dropped", l.Dropped(), b.N*1000)
			}
		})
	}
}
