package client_test

import (
	"context"
	"crypto/sha256"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
)

// A sender is a member that sends these messages as a snapshot.
type sender struct {
	hostv1.UnimplementedHostServer
	messages []*hostv1.ReadSnapshotResponse
	err      error
}

func (s sender) ReadSnapshot(_ *hostv1.ReadSnapshotRequest, stream grpc.ServerStreamingServer[hostv1.ReadSnapshotResponse]) error {
	for _, m := range s.messages {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return s.err
}

func header(bytes uint64, sum []byte) *hostv1.ReadSnapshotResponse {
	return &hostv1.ReadSnapshotResponse{Part: &hostv1.ReadSnapshotResponse_Header{Header: &hostv1.ReadSnapshotHeader{Index: 7, Term: 2, Bytes: bytes, Sha256: sum}}}
}

func part(text string) *hostv1.ReadSnapshotResponse {
	return &hostv1.ReadSnapshotResponse{Part: &hostv1.ReadSnapshotResponse_Chunk{Chunk: []byte(text)}}
}

func end(text string) *hostv1.ReadSnapshotResponse {
	return &hostv1.ReadSnapshotResponse{Part: &hostv1.ReadSnapshotResponse_End{End: &hostv1.ReadSnapshotEnd{
		Length: uint64(len(text)), Crc32: crc32.ChecksumIEEE([]byte(text)),
	}}}
}

// A snapshot is whole, or its reading ends with an error that says why.
func TestASnapshotIsWholeOrHasAnError(t *testing.T) {
	sum := sha256.Sum256([]byte("state"))
	other := sha256.Sum256([]byte("other"))
	for name, c := range map[string]struct {
		sent  []*hostv1.ReadSnapshotResponse
		ended error
		says  string // empty: it is whole
	}{
		"whole":                  {sent: []*hostv1.ReadSnapshotResponse{header(5, sum[:]), part("sta"), part(""), part("te"), end("state")}},
		"without a known sum":    {sent: []*hostv1.ReadSnapshotResponse{header(5, nil), part("state"), end("state")}},
		"empty":                  {sent: []*hostv1.ReadSnapshotResponse{header(0, nil), end("")}},
		"no header":              {sent: []*hostv1.ReadSnapshotResponse{part("state")}, says: "does not begin with its header"},
		"cut":                    {sent: []*hostv1.ReadSnapshotResponse{header(5, nil), part("sta")}, says: "ended after 3 of 5 bytes"},
		"ended by its member":    {sent: []*hostv1.ReadSnapshotResponse{header(5, nil), part("sta")}, ended: status.Error(codes.Unavailable, "it stops"), says: "it stops"},
		"shorter than its word":  {sent: []*hostv1.ReadSnapshotResponse{header(5, nil), part("sta"), end("sta")}, says: "3 bytes"},
		"longer than its word":   {sent: []*hostv1.ReadSnapshotResponse{header(5, nil), part("state"), part("s"), end("states")}, says: "more than the 5 bytes"},
		"another CRC":            {sent: []*hostv1.ReadSnapshotResponse{header(5, nil), part("state"), end("stale")}, says: "CRC-32"},
		"another SHA-256":        {sent: []*hostv1.ReadSnapshotResponse{header(5, other[:]), part("state"), end("state")}, says: "SHA-256"},
		"a second header":        {sent: []*hostv1.ReadSnapshotResponse{header(5, nil), header(5, nil)}, says: "neither a chunk nor the end"},
		"more after the end":     {sent: []*hostv1.ReadSnapshotResponse{header(5, nil), part("state"), end("state"), part("x")}, says: "after the end"},
		"an error after the end": {sent: []*hostv1.ReadSnapshotResponse{header(5, nil), part("state"), end("state")}, ended: status.Error(codes.Unavailable, "it stops"), says: "it stops"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			srv := grpc.NewServer()
			hostv1.RegisterHostServer(srv, sender{messages: c.sent, err: c.ended})
			go func() { _ = srv.Serve(l) }()
			t.Cleanup(srv.Stop)
			cl := newClient(t, client.Options{Endpoints: []string{l.Addr().String()}})
			s, err := cl.ReadSnapshot(context.Background(), l.Addr().String(), false)
			var got []byte
			if err == nil {
				defer s.Close()
				got, err = io.ReadAll(s)
			}
			switch {
			case c.says == "" && (err != nil || uint64(len(got)) != s.Bytes() || s.Index() != 7 || s.Term() != 2):
				t.Errorf("%q, %v", got, err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !client.IsNotApplied(err)):
				t.Errorf("%q ended with %v, want %s", got, err, c.says)
			}
		})
	}
}
