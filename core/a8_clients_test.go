package core_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// No client decides how a stop ends: one that stands still, and one that does not send
// the rest of its request, have it wait for their share of its time, and it is a success.
// Only the one whose request is lost is told of.
func TestA8NoClientMakesAStopFail(t *testing.T) {
	const cutOff = "clients are cut off with requests in flight"
	for _, x := range []struct {
		name   string
		client func(t *testing.T, address string)
		lost   bool
	}{
		{"one that stands still", standStill, false},
		{"one with half a request", halfARequest, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCluster(t, 1, nil)
			c.leader()
			h, log := c.nodes[1].host, c.nodes[1].log
			x.client(t, h.Addr().String())
			begun := time.Now()
			if err := h.Stop(context.Background()); err != nil {
				t.Errorf("the stop gave %v", err)
			}
			if took := time.Since(begun); took > wholeStop {
				t.Errorf("the stop took %v", took)
			}
			if told := log.position(cutOff) >= 0; told != x.lost {
				t.Errorf("the log tells of lost requests: %t", told)
			}
			delete(c.nodes, 1)
		})
	}
}

// standStill has its answer, and nothing goes to it or comes from it any more.
func standStill(t *testing.T, address string) {
	relay := transporttest.NewRelay(t, address)
	conn, err := grpc.NewClient(relay.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := hostv1.NewHostClient(conn).Status(t.Context(), &hostv1.StatusRequest{}); err != nil {
		t.Fatal(err)
	}
	relay.Stall()
}

// halfARequest has been read as far as it goes, and does not go on.
func halfARequest(t *testing.T, address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "POST /v1/propose HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// The host asks for the body: its handler is at it.
	if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 100 Continue"))); err != nil {
		t.Fatal(err)
	}
}
