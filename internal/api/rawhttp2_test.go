package api_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	"github.com/pontoon-raft/pontoon/internal/api"
)

// A rawClient speaks HTTP/2 frame by frame, as no library would.
type rawClient struct {
	t      testing.TB
	conn   net.Conn
	framer *http2.Framer
	header bytes.Buffer
	hpack  *hpack.Encoder
	next   uint32
}

// dialRaw connects, with so much room for the answers on each stream.
func dialRaw(t testing.TB, s *api.Server, window uint32) *rawClient {
	t.Helper()
	conn := connect(t, s)
	c := &rawClient{t: t, conn: conn, framer: http2.NewFramer(conn, conn), next: 1}
	c.hpack = hpack.NewEncoder(&c.header)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}); err != nil {
		t.Fatal(err)
	}
	return c
}

func connect(t testing.TB, s *api.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// begin opens a stream for a method and returns its number. The error is that of
// the connection.
func (c *rawClient) begin(method string) (uint32, error) {
	c.header.Reset()
	for _, f := range [][2]string{
		{":method", "POST"},
		{":scheme", "http"},
		{":path", method},
		{":authority", "h"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		if err := c.hpack.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			c.t.Fatal(err)
		}
	}
	id := c.next
	c.next += 2
	return id, c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.header.Bytes(), EndHeaders: true})
}

// call makes a whole call and does not read the answer.
func (c *rawClient) call(method string, m proto.Message) {
	c.t.Helper()
	id, err := c.begin(method)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := proto.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	prefix := make([]byte, 5)
	binary.BigEndian.PutUint32(prefix[1:], uint32(len(body)))
	body = append(prefix, body...)
	for len(body) > 0 {
		n := min(len(body), 16<<10)
		if err := c.framer.WriteData(id, n == len(body), body[:n]); err != nil {
			c.t.Fatal(err)
		}
		body = body[n:]
	}
}
