package httptransport

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
)

// chunks writes the body of an HTTP/1.1 response, in chunked coding, on a
// connection taken over from net/http. One write of it is one system call,
// where net/http's own small buffers make several of a large one. Median of
// three interleaved rounds of BenchmarkLoopback on a busy 2-core machine, one
// append of 64 entries at a time: 24 µs instead of 50. A single small entry
// gains nothing.
type chunks struct {
	conn net.Conn
	out  *pace.Writer
	head []byte // space to build what precedes a chunk that is not copied
}

// chunkRoom is left free at the start of a buffer for the chunk's length.
const chunkRoom = 16 + 2

const chunkEnd = "\r\n"

// takeOver answers a request with 200 and an endless body. On an error the
// request is still net/http's if answered is false.
func takeOver(w http.ResponseWriter, timeout time.Duration) (c *chunks, answered bool, err error) {
	control := http.NewResponseController(w)
	conn, _, err := control.Hijack()
	if err != nil {
		return nil, false, err
	}
	c = newChunks(conn, timeout)
	if err := c.answer(w.Header()); err != nil {
		_ = conn.Close()
		return nil, true, err
	}
	return c, true, nil
}

func newChunks(conn net.Conn, timeout time.Duration) *chunks {
	writer := pace.NewWholeWriter
	if _, secured := conn.(*tls.Conn); secured {
		writer = pace.NewWriter
	}
	return &chunks{conn: conn, out: writer(conn, timeout)}
}

func (c *chunks) answer(header http.Header) error {
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	header.Set("Transfer-Encoding", "chunked")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if _, err := io.WriteString(c.out, "HTTP/1.1 200 OK\r\n"); err != nil {
		return err
	}
	if err := header.Write(c.out); err != nil {
		return err
	}
	_, err := io.WriteString(c.out, "\r\n")
	return err
}

// watch calls ended when the peer closes the connection. A peer that sends
// anything breaks the protocol and is treated alike.
func (c *chunks) watch(ended func()) {
	var probe [1]byte
	_, _ = c.conn.Read(probe[:])
	ended()
}

// close does not wait for a peer that does not read, as TLS would do to say
// goodbye.
func (c *chunks) close() {
	if secured, ok := c.conn.(*tls.Conn); ok {
		_ = secured.NetConn().Close()
		return
	}
	_ = c.conn.Close()
}

// write writes one chunk, which is in buffer after its first chunkRoom bytes.
// It may change those, and append.
func (c *chunks) write(buffer []byte) error {
	var digits [chunkRoom]byte
	head := append(strconv.AppendUint(digits[:0], uint64(len(buffer)-chunkRoom), 16), chunkEnd...)
	start := chunkRoom - len(head)
	copy(buffer[start:], head)
	_, err := c.out.Write(append(buffer, chunkEnd...)[start:])
	return err
}

// writeDirect writes one chunk without copying it.
func (c *chunks) writeDirect(chunk []byte) error {
	c.head = append(strconv.AppendUint(c.head[:0], uint64(len(chunk)), 16), chunkEnd...)
	for _, part := range [][]byte{c.head, chunk, []byte(chunkEnd)} {
		if _, err := c.out.Write(part); err != nil {
			return err
		}
	}
	return nil
}
