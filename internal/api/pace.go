package api

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// paceBytes of the body of an HTTP/1.1 request have Limits.Pace to come, and as
// many of an answer have paceTime to go. A client that is slower is given up: it
// holds a place that others want.
const paceBytes = 16 << 10

// paceTime is how long paceBytes of an answer may take.
const paceTime = 5 * time.Second

// writePaced writes b in pieces, each of which has its time.
func writePaced(conn net.Conn, b []byte) (written int, err error) {
	for len(b) > 0 && err == nil {
		if err = conn.SetWriteDeadline(time.Now().Add(paceTime)); err != nil {
			return written, err
		}
		var n int
		n, err = conn.Write(b[:min(len(b), paceBytes)])
		written += n
		b = b[n:]
	}
	return written, err
}

// A pacedBody is the body of a request, each piece of which has its time.
type pacedBody struct {
	io.Reader
	control *http.ResponseController
	piece   time.Duration
	end     time.Time // of the whole body
	left    int       // of the present piece
}

func newPacedBody(w http.ResponseWriter, r *http.Request, l Limits) *pacedBody {
	return &pacedBody{
		Reader: r.Body, control: http.NewResponseController(w), piece: l.Pace, end: time.Now().Add(l.ReadRequest),
	}
}

// Read implements io.Reader.
func (p *pacedBody) Read(b []byte) (int, error) {
	if p.left <= 0 {
		deadline := time.Now().Add(p.piece)
		if p.end.Before(deadline) {
			deadline = p.end
		}
		if err := p.control.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return 0, err
		}
		p.left = paceBytes
	}
	n, err := p.Reader.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

// done ends the watch on the client when all has come: the answer may take as long
// as it does.
func (p *pacedBody) done() { _ = p.control.SetReadDeadline(time.Time{}) }

// isSlow tells whether a body has ended with err because it came too slowly.
func isSlow(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
