package connections

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/bucket"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// Kinds of frames; docs/formats/connections.md has the order in which they come.
const (
	frameHello     = 'h' // JSON of a hello
	frameAnswer    = 'a' // JSON of an answer
	frameHeartbeat = 'b' // nothing
	frameGreeting  = 'g' // JSON of a greeting, when this node has something new to say of itself
	frameMessage   = 'm' // an Envelope of Pontoon
	frameHeader    = 's' // a SnapshotHeader of Pontoon
	frameChunk     = 'c' // bytes of a snapshot
	frameEnd       = 'e' // SHA-256 of all of them
	frameVerdict   = 'v' // JSON of a verdict

	headBytes = 5
	// smallBytes bounds frames other than messages and headers, and what a payload has around
	// it in these two.
	smallBytes = 8 << 10
	// pieceBytes is what must be written within silence.
	pieceBytes = 64 << 10

	// mostGreetings is how often a caller may say something new of itself on one connection, at
	// once and in a second. It changes with the members of the cluster.
	mostGreetings = 16

	// silence is how long nothing may move on a connection for messages. Both ends rely on it.
	silence = 5 * time.Second
)

// A link is a connection, once it is known that the greetings of its ends fit.
type link struct {
	conn      *paced
	tls       *tls.Conn // within conn; nil without certificates
	r         *bufio.Reader
	peer      uint64
	lane      string
	accepted  bool               // dialled by the peer
	met, said transport.Greeting // by the peer, by this node
	renamed   chan struct{}      // has a token when this node may have something new to say
	ended     chan struct{}      // closed when nothing of it runs any more

	// Of accepted ones.
	host      string         // of the caller
	greetings *bucket.Bucket // what it may say of itself
	arriving  bool           // it has a place for its snapshot; guarded by node.mu
}

// stand makes a link one of the node's until leave, unless an accepted one of the same peer
// for the same messages is there: that is before it. It is refused if the host has said
// meanwhile what contradicts it.
func (n *node) stand(l *link) (before *link, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life.Context().Err() != nil || !n.book.Stands(l.peer, l.met, l.said) {
		return nil, errors.New("it does not fit any more")
	}
	for other := range n.links {
		if l.accepted && other.accepted && other.peer == l.peer && other.lane == l.lane && l.lane != laneSnapshot {
			return other, nil
		}
	}
	n.links[l] = true
	n.book.Named(l.peer)
	if n.standing[l.peer]++; n.standing[l.peer] == 1 {
		n.tell(transport.Event{Type: pluginv1.EventType_EVENT_ACTIVE, Peer: l.peer})
	}
	wake.Up(l.renamed)
	return nil, nil
}

func (n *node) leave(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links, l)
	if n.standing[l.peer]--; n.standing[l.peer] == 0 {
		delete(n.standing, l.peer)
		n.tell(transport.Event{Type: pluginv1.EventType_EVENT_INACTIVE, Peer: l.peer})
	}
}

// newLink returns the link of a connection, whose peer is not known yet.
func newLink(conn net.Conn) *link {
	c := &paced{Conn: conn, raw: conn}
	return &link{greetings: bucket.New(mostGreetings, mostGreetings, time.Now()), conn: c, r: bufio.NewReaderSize(c, pieceBytes), renamed: make(chan struct{}, 1), ended: make(chan struct{})}
}

// A paced connection breaks when nothing moves for so long; 0 is for ever. The limit does not
// change once two goroutines use it.
type paced struct {
	net.Conn
	raw   net.Conn // beneath it
	limit time.Duration
	until time.Time // if it is set, a read does not last longer than that either
}

func (c *paced) Read(b []byte) (int, error) {
	if c.limit > 0 {
		end := time.Now().Add(c.limit)
		if !c.until.IsZero() && c.until.Before(end) {
			end = c.until
		}
		_ = c.SetReadDeadline(end) // fails as Read does
	}
	return c.Conn.Read(b)
}

// Close implements net.Conn. It waits for nothing.
func (c *paced) Close() error { return c.raw.Close() }

// lasts sets until.
func (c *paced) lasts(until time.Time) error {
	c.until = until
	return nil
}

func (c *paced) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		if c.limit > 0 {
			_ = c.SetWriteDeadline(time.Now().Add(c.limit))
		}
		var written int
		written, err = c.Conn.Write(b[n:min(len(b), n+pieceBytes)])
		n += written
	}
	return n, err
}

func appendHead(b []byte, kind byte, size int) []byte {
	return binary.BigEndian.AppendUint32(append(b, kind), uint32(size))
}

// writeFrame copies no large body.
func writeFrame(w io.Writer, kind byte, body []byte) error {
	head := appendHead(make([]byte, 0, headBytes+smallBytes), kind, len(body))
	if len(body) <= smallBytes {
		head, body = append(head, body...), nil
	}
	_, err := w.Write(head)
	if err == nil && len(body) > 0 {
		_, err = w.Write(body)
	}
	return err
}

func writeJSON(w io.Writer, kind byte, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, body)
}

// readHead reads the kind and the size of a frame, of which small ones have a bound of their
// own.
func (n *node) readHead(r io.Reader) (kind byte, size int, err error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, err
	}
	most := smallBytes
	switch head[0] {
	case frameMessage, frameHeader:
		most += n.opts.Limits.MaxMessageBytes()
	case frameChunk:
		most = pieceBytes
	}
	if said := binary.BigEndian.Uint32(head[1:]); uint64(said) > uint64(most) {
		return 0, 0, fmt.Errorf("%w: a frame of %d bytes", plugins.ErrLimit, said)
	}
	return head[0], int(binary.BigEndian.Uint32(head[1:])), nil
}

// readFrame reads a whole frame. Memory grows with what comes, and not with what is said.
func (n *node) readFrame(r io.Reader) (kind byte, body []byte, err error) {
	kind, size, err := n.readHead(r)
	if err == nil {
		body, err = wire.ReadBytes(r, nil, size)
	}
	return kind, body, err
}

// readPaced is readFrame of an accepted connection. Of a large frame each piece must come in
// its time, and all that a sender has on its way has its bound.
func (n *node) readPaced(l *link, sender uint64) (kind byte, body []byte, err error) {
	kind, size, err := n.readHead(l.r)
	if err != nil {
		return 0, nil, err
	}
	if size <= smallBytes {
		body, err = wire.ReadBytes(l.r, nil, size)
		return kind, body, err
	}
	release, err := n.intake.Take(n.counted(sender), int64(size))
	if err != nil {
		return 0, nil, err
	}
	defer release()
	defer l.conn.lasts(time.Time{})
	body, err = wire.ReadBytes(pace.NewReader(l.r, l.conn.lasts, silence), nil, size)
	return kind, body, err
}

// counted is the sender that a large frame counts for: 0 for all but members.
func (n *node) counted(sender uint64) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.peers[sender] == nil {
		return 0
	}
	return sender
}

// readJSON reads a frame of that kind and nothing else.
func (n *node) readJSON(r io.Reader, want byte, v any) error {
	kind, body, err := n.readFrame(r)
	if err == nil && kind != want {
		err = fmt.Errorf("a frame of kind %q instead of %q", kind, want)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}
