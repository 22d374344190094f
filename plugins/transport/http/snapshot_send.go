package httptransport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/seal"
)

// SendSnapshot implements shell.Peer.
func (p *peer) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	err := p.e.sendInParts(ctx, p, header, r)
	if errors.Is(err, errNoParts) {
		err = p.e.sendWhole(ctx, p, header, r)
	}
	p.posted(err)
	return err
}

// sendWhole posts the snapshot in one request, as rafthttp does: for peers
// that do not know of parts.
func (e *endpoint) sendWhole(ctx context.Context, p *peer, header transport.SnapshotHeader, r io.Reader) error {
	body := newSnapshotBody(ctx, header, r, e.Pace)
	body.count = &p.facts.snapshot
	defer body.release()
	for {
		base := p.urls.Pick()
		if base == nil {
			return fmt.Errorf("%w: %w", transport.ErrUnreachable, peerurls.ErrNone)
		}
		err := e.postSnapshot(ctx, p, base, header, body)
		if err == nil {
			return nil
		}
		p.urls.Failed(base)
		if next := p.urls.Pick(); next != base && ctx.Err() == nil && body.retry(base) {
			continue
		}
		return err
	}
}

func (e *endpoint) postSnapshot(ctx context.Context, p *peer, base *url.URL, header transport.SnapshotHeader, body *snapshotBody) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base.JoinPath(pathSnapshot).String(), body)
	if err != nil {
		return err
	}
	request.ContentLength = -1 // chunked: a trailer follows
	request.Trailer = http.Header{headerSnapshotSHA256: nil}
	body.trailer = request.Trailer
	e.mark(request.Header, p.id)
	request.Header.Set("Content-Type", "application/octet-stream")
	if header.Bytes > 0 {
		request.Header.Set(headerSnapshotSize, strconv.FormatUint(header.Bytes, 10))
	}
	response, err := p.clients.snapshot.RoundTrip(request)
	if err != nil {
		return errors.Join(body.failure(), ctx.Err(), fmt.Errorf("%w: %w", transport.ErrUnreachable, err))
	}
	defer closeAnswer(response)
	return e.snapshotVerdict(p, response)
}

func (e *endpoint) snapshotVerdict(p *peer, response *http.Response) error {
	err := p.judge(response, func() error { return e.verdictOf(p, response) })
	if greetings.Mismatched(err) {
		return fmt.Errorf("%w: %w", transport.ErrSnapshotRefused, err)
	}
	return err
}

func (e *endpoint) verdictOf(p *peer, response *http.Response) error {
	switch response.StatusCode {
	case http.StatusNoContent:
		return nil
	case http.StatusServiceUnavailable, http.StatusRequestTimeout:
		return fmt.Errorf("%w: %w", transport.ErrUnreachable, answerError(response, e.self))
	}
	err := answerError(response, e.self)
	e.Refused(p, err)
	return fmt.Errorf("%w: %w", transport.ErrSnapshotRefused, err)
}

// snapshotBody is the body of a snapshot request: a frame with the message,
// then the snapshot. It fails if the snapshot has another size than its
// header says, and sets the trailer when it ends.
type snapshotBody struct {
	ctx  context.Context // once it has ended, the body does not end well
	pace *pace.Pace
	// count counts the bytes that go to a connection.
	count *atomic.Uint64

	// mu is held while source is read: after release it is not read any more.
	mu       sync.Mutex
	frame    []byte // what is left of the frame
	whole    []byte
	source   *seal.Source
	started  bool
	released bool
	err      error // of source
	tried    map[*url.URL]bool
	trailer  http.Header
}

func newSnapshotBody(ctx context.Context, header transport.SnapshotHeader, r io.Reader, p *pace.Pace) *snapshotBody {
	frame := binary.BigEndian.AppendUint64(nil, uint64(len(header.Message)))
	frame = append(frame, header.Message...)
	return &snapshotBody{
		ctx: ctx, pace: p, frame: frame, whole: frame, source: seal.NewSource(r, header.Bytes),
		tried: map[*url.URL]bool{},
	}
}

func (b *snapshotBody) Read(buf []byte) (int, error) {
	n, err := b.read(b.pace.Step(buf))
	b.pace.Spend(b.ctx, n)
	return n, err
}

func (b *snapshotBody) read(buf []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.released {
		return 0, io.ErrClosedPipe
	}
	if len(b.frame) > 0 {
		n := copy(buf, b.frame)
		b.frame = b.frame[n:]
		return n, nil
	}
	b.started = true
	n, err := b.source.Read(buf)
	if ended := b.ctx.Err(); ended != nil {
		return 0, ended
	}
	b.count.Add(uint64(n))
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.trailer.Set(headerSnapshotSHA256, b.source.Sum())
	default:
		b.err = err
	}
	return n, err
}

// Close implements io.Closer for net/http; the end of the life of b is
// release.
func (b *snapshotBody) Close() error { return nil }

// retry makes b ready for another URL, if nothing of the snapshot has been
// read yet and base is not one that was tried before.
func (b *snapshotBody) retry(base *url.URL) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.started || b.tried[base] {
		return false
	}
	b.tried[base] = true
	b.frame = b.whole
	return true
}

// release waits for a read that is running and ends all later ones.
func (b *snapshotBody) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released = true
}

// failure is the error of the snapshot's reader, if that was the reason.
func (b *snapshotBody) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
