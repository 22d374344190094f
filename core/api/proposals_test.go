package api_test

import (
	"context"
	"fmt"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/core/api"
)

func TestStreamAnswersEveryProposal(t *testing.T) {
	c := hostClient(t, start(t, api.Options{Service: &fakeService{}}))
	stream, err := c.Proposals(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	const batches, size = 50, 64
	go func() {
		for b := range batches {
			batch := &hostv1.ProposalBatch{}
			for i := range size {
				id := uint64(b*size + i)
				batch.Proposals = append(batch.Proposals, &hostv1.Proposal{Id: id, Data: fmt.Appendf(nil, "value %d", id)})
			}
			if err := stream.Send(batch); err != nil {
				t.Errorf("Send() = %v", err)
			}
		}
		_ = stream.CloseSend()
	}()
	got := map[uint64]string{}
	for len(got) < batches*size {
		results, err := stream.Recv()
		if err != nil {
			t.Fatalf("Recv() after %d answers = %v", len(got), err)
		}
		for _, r := range results.GetResults() {
			got[r.GetId()] = string(r.GetResponse().GetData())
		}
	}
	for id, data := range got {
		if want := fmt.Sprintf("value %d", id); data != want {
			t.Errorf("answer to %d is %q, want %q", id, data, want)
		}
	}
}
