package httptransport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// clients are the sending ends of the four kinds of request. They share
// nothing, so that none can starve another of connections.
type clients struct {
	stream, pipeline, snapshot, probe *http.Transport
}

func newClients(t timing, s security) *clients {
	c := &clients{
		// A stream that is silent for too long is dropped.
		stream: newClient(t, s, t.link, t.link),
		// The pipeline's requests have a deadline as a whole.
		pipeline: newClient(t, s, 0, t.link),
		// So have probes.
		probe: newClient(t, s, 0, t.link),
		// A snapshot must make progress, but its verdict may take long.
		snapshot: newClient(t, s, 0, t.link),
	}
	c.stream.ResponseHeaderTimeout = t.dial
	c.stream.ReadBufferSize = readBufferBytes
	c.snapshot.WriteBufferSize = 128 << 10
	return c
}

func newClient(t timing, s security, read, write time.Duration) *http.Transport {
	dialer := net.Dialer{Timeout: t.dial, KeepAliveConfig: keepAlive(t)}
	client := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			limitUnacknowledged(c, t.link)
			return newIdleConn(c, read, write), nil
		},
		TLSHandshakeTimeout: t.dial,
		// Not nil: HTTP/1.1 only, as rafthttp speaks it.
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    pipelineWorkers,
		IdleConnTimeout:        t.link,
		MaxResponseHeaderBytes: 16 << 10,
	}
	s.dialer(client)
	return client
}

// keepAlive finds a dead peer on a connection over which nothing goes.
func keepAlive(t timing) net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: t.link, Interval: max(time.Second, t.link/3), Count: 3}
}

func (c *clients) close() {
	c.stream.CloseIdleConnections()
	c.pipeline.CloseIdleConnections()
	c.snapshot.CloseIdleConnections()
	c.probe.CloseIdleConnections()
}
