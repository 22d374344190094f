package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// credentials are what a link makes its connections with.
func (l *link) credentials(o Options) credentials.TransportCredentials {
	if o.TLS == nil {
		return insecure.NewCredentials()
	}
	return handshakes{credentials.NewTLS(o.TLS), l}
}

// handshakes let the link know why one has failed, which gRPC tells only to calls.
type handshakes struct {
	credentials.TransportCredentials
	l *link
}

// ClientHandshake implements credentials.TransportCredentials.
func (h handshakes) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		err = explain(err)
		h.l.note(err)
		return nil, nil, err
	}
	return &firstRead{Conn: conn, l: h.l}, info, nil
}

// Clone implements credentials.TransportCredentials.
func (h handshakes) Clone() credentials.TransportCredentials {
	return handshakes{h.TransportCredentials.Clone(), h.l}
}

// firstRead is a connection on which nothing was read yet. In TLS 1.3 a client
// hears when it reads that the host has refused its certificate.
type firstRead struct {
	net.Conn
	l    *link
	done bool
}

// Read implements net.Conn.
func (c *firstRead) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.done && n == 0 && err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		err = explain(err)
		c.l.note(err)
	}
	c.done = true
	return n, err
}

// explain says with the error of a handshake what to do.
func explain(err error) error {
	var operation *net.OpError
	switch {
	case errors.As(err, new(tls.RecordHeaderError)):
		return fmt.Errorf("the host speaks no TLS on this port: use http:// endpoints without certificates, or set api.tls there: %w", err)
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return fmt.Errorf("the host's certificate is of an authority that this client does not trust: name its file (--ca): %w", err)
	case errors.As(err, new(x509.HostnameError)):
		return fmt.Errorf("the host's certificate is for other names: use one of them, or say which it must have (--server-name): %w", err)
	case !errors.As(err, &operation) || operation.Op != "remote error":
		return err
	}
	// crypto/tls has only texts for what the other end says.
	switch alert := operation.Err.Error(); {
	case strings.Contains(alert, "certificate required"):
		return fmt.Errorf("the host wants a client's certificate: give one (--cert, --key): %w", err)
	case strings.Contains(alert, "certificate"):
		return fmt.Errorf("the host has refused this client's certificate: its log says why: %w", err)
	}
	return err
}
