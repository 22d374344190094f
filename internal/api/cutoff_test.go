package api

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/membercert"
)

// A client that is cut off, or that a stop closes, may not read the goodbye of TLS. That
// holds up neither those after it nor the stop.
func TestACutOffDoesNotWaitForTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority, err := membercert.NewAuthority("test", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := authority.IssueServer("port", []string{"127.0.0.1"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		shown, err := tls.X509KeyPair(pair.Cert, pair.Key)
		if err != nil {
			t.Fatal(err)
		}
		all, ours, theirs := metered(t, 1<<30, 2)
		for i, c := range ours {
			c.secured = tls.Server(c.Conn, &tls.Config{Certificates: []tls.Certificate{shown}, SessionTicketsDisabled: true})
			done := make(chan error, 1)
			go func() { done <- c.secured.HandshakeContext(context.Background()) }()
			// The pipe has no buffer: from now on a write waits for a read.
			if err := tls.Client(theirs[i], &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		all.cutOff(ours[0].meter, closedAuthority)
		all.closeAnswered()
		if took := time.Since(begun); took > 0 {
			t.Errorf("it took %v", took)
		}
		for _, conn := range theirs {
			if _, err := io.Copy(io.Discard, conn); err != nil && err != net.ErrClosed {
				t.Errorf("the client's end: %v", err)
			}
		}
	})
}
