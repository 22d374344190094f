package httptransport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
)

// clients are the sending ends of the kinds of request to one peer. They
// share nothing, so that none can starve another of connections. Nor do peers:
// a connection has shown that it leads to one of them, whatever URLs they have.
type clients struct {
	stream, oldStream, pipeline, snapshot, probe *client
}

// A client sends requests of one kind to one peer.
type client struct {
	*http.Transport
	peer     uint64
	refusals *refusals.Refusals
}

// RoundTrip implements http.RoundTripper. It notes when one end did not like
// the other's certificate.
func (c *client) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.Transport.RoundTrip(r)
	if err != nil {
		c.refusals.Dialled(c.peer, err)
	}
	return response, err
}

func newClients(t timing, s security, peer uint64) *clients {
	c := &clients{
		// A stream that is silent for too long is dropped.
		stream: newClient(t, s, peer, t.Link, t.Link),
		// The first framing had no heartbeats in etcd 2.0: keep-alive finds a
		// dead peer.
		oldStream: newClient(t, s, peer, 0, t.Link),
		// The pipeline's requests watch their own progress.
		pipeline: newClient(t, s, peer, 0, t.Link),
		// Probes have a deadline as a whole.
		probe: newClient(t, s, peer, 0, t.Link),
		// A snapshot must make progress, but its verdict may take long.
		snapshot: newClient(t, s, peer, 0, t.Link),
	}
	c.stream.ResponseHeaderTimeout = t.Dial
	c.stream.ReadBufferSize = readBufferBytes
	c.oldStream.ResponseHeaderTimeout = t.Dial
	c.snapshot.WriteBufferSize = 128 << 10
	return c
}

func newClient(t timing, s security, peer uint64, read, write time.Duration) *client {
	dialer := net.Dialer{Timeout: t.Dial, KeepAliveConfig: keepAlive(t)}
	c := &client{peer: peer, refusals: s.Refusals, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			boundSocket(c, t.Link)
			return newIdleConn(c, read, write), nil
		},
		TLSHandshakeTimeout: t.Dial,
		// Not nil: HTTP/1.1 only, as rafthttp speaks it.
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    pipelineWorkers,
		IdleConnTimeout:        t.Link,
		MaxResponseHeaderBytes: 16 << 10,
	}}
	s.dialer(c.Transport, peer)
	return c
}

// keepAlive finds a dead peer on a connection over which nothing goes.
func keepAlive(t timing) net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: t.Link, Interval: max(time.Second, t.Link/3), Count: 3}
}

func (c *clients) close() {
	c.stream.CloseIdleConnections()
	c.oldStream.CloseIdleConnections()
	c.pipeline.CloseIdleConnections()
	c.snapshot.CloseIdleConnections()
	c.probe.CloseIdleConnections()
}
