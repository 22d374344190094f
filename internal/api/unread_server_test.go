package api_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/http2"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
)

const unreadBytes = "pontoon_api_unread_bytes"

// Messages that a stream has read do not count, but for the last credit that gRPC owes.
// Those that it does not read, because its client takes no answers, count as long as
// the stream is open.
func TestAServerCountsWhatItHasNotRead(t *testing.T) {
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: &fakeService{}, Metrics: r, Limits: api.Limits{MaxInFlight: 1}})
	stream := openStream(t, s)
	for id := range uint64(48) {
		send(t, stream, id, strings.Repeat("x", 100<<10))
		receive(t, stream, 1)
	}
	if got := metric(t, r, unreadBytes); got > 80<<10 {
		t.Errorf("%.0f bytes count after all was read", got)
	}
	before := metric(t, r, unreadBytes)
	c := dialRaw(t, s, 0)
	silent, err := c.begin(hostv1.Host_Proposals_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	// The first answer is so large that gRPC takes no other after it.
	sent := proposalMessage(t, 70<<10)
	for range 17 {
		sent = append(sent, proposalMessage(t, 10<<10)...)
	}
	for frame := range slices.Chunk(sent, 16<<10) {
		if err := c.framer.WriteData(silent, false, frame); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "what is not read counts", func() bool { return metric(t, r, unreadBytes)-before > 100<<10 })
	if err := c.framer.WriteRSTStream(silent, http2.ErrCodeCancel); err != nil {
		t.Fatal(err)
	}
	within(t, "nothing counts after the call", func() bool { return metric(t, r, unreadBytes) <= before })
}

// proposalMessage is a batch of one proposal of so many bytes, as gRPC sends it.
func proposalMessage(t *testing.T, bytes int) []byte {
	t.Helper()
	batch, err := proto.Marshal(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Data: make([]byte, bytes)}}})
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(batch))), batch...)
}
