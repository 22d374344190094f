package httptransport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
)

// errNoParts: the peer knows snapshots in one request only.
var errNoParts = errors.New("peer does not take snapshots in parts")

// A delivery is one snapshot on its way to one peer, in parts. After each break
// it asks the peer how far it has come and goes on from there, until there was
// no progress for timing.resume.
type delivery struct {
	e      *endpoint
	peer   *peer
	size   uint64
	frame  []byte // what every part begins with
	path   string
	window *window

	tried    map[*url.URL]bool // before the peer has answered for the first time
	answered bool
	broken   bool      // since the last answer
	refused  int       // connections refused in a row
	offset   uint64    // what the peer says that it has
	progress time.Time // when it last had more, or was deciding
}

// A step is what a delivery does next.
type step int

const (
	stepAsk step = iota
	stepPost
	stepDone
)

// brokenError is a failure after which the delivery may go on.
type brokenError struct{ error }

func (b brokenError) Unwrap() error { return b.error }

// sendInParts returns the peer's verdict, or errNoParts if the snapshot has to
// be sent in another way; r has not been read then.
func (e *endpoint) sendInParts(ctx context.Context, p *peer, header transport.SnapshotHeader, r io.Reader) error {
	d := &delivery{
		e: e, peer: p, size: header.Bytes, window: newWindow(r, header.Bytes),
		path:  pathSnapshot + "/" + formatID(rand.Uint64()),
		frame: append(binary.BigEndian.AppendUint64(nil, uint64(len(header.Message))), header.Message...),
		tried: map[*url.URL]bool{}, progress: time.Now(),
	}
	err := d.run(ctx)
	d.window.release()
	if err != nil && d.answered {
		e.Life.Go(d.abandon)
	}
	return err
}

func (d *delivery) run(ctx context.Context) error {
	for next := stepAsk; next != stepDone; {
		base := d.peer.urls.Pick()
		if base == nil {
			return fmt.Errorf("%w: %w", transport.ErrUnreachable, peerurls.ErrNone)
		}
		var err error
		if next == stepAsk {
			next, err = d.ask(ctx, base)
		} else {
			next, err = d.post(ctx, base)
		}
		var broken brokenError
		switch {
		case errors.As(err, &broken):
			if err := d.again(ctx, base, broken.error); err != nil {
				return err
			}
			next = stepAsk
		case err != nil:
			return err
		}
	}
	return nil
}

// again waits a little before the next attempt, or says why there is none.
func (d *delivery) again(ctx context.Context, base *url.URL, err error) error {
	d.peer.urls.Failed(base)
	if source := d.window.failure(); source != nil {
		return source
	}
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	if !d.answered {
		d.tried[base] = true
		if next := d.peer.urls.Pick(); next == nil || d.tried[next] {
			return err
		}
		return nil
	}
	// The port is closed: the process that had the beginning of the snapshot
	// is gone, and the beginning with it.
	if d.refused++; !errors.Is(err, syscall.ECONNREFUSED) {
		d.refused = 0
	}
	if d.refused > 0 && d.refused >= d.peer.urls.Count() {
		return fmt.Errorf("after %d bytes: %w", d.offset, err)
	}
	if stood := time.Since(d.progress); stood > d.e.timing.resume() {
		return fmt.Errorf("no progress for %v after %d bytes: %w", stood.Round(time.Millisecond), d.offset, err)
	}
	d.broken = true
	if !pause.For(ctx, d.e.timing.Redial) {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// ask learns how far the peer has come.
func (d *delivery) ask(ctx context.Context, base *url.URL) (step, error) {
	ctx, cancel := context.WithTimeout(ctx, d.e.timing.resume())
	defer cancel()
	request, err := d.request(ctx, http.MethodGet, base, nil)
	if err != nil {
		return stepAsk, err
	}
	return d.exchange(request, d.offset)
}

// post sends the next part.
func (d *delivery) post(ctx context.Context, base *url.URL) (step, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	patience := d.e.timing.resume()
	stall := time.AfterFunc(patience, cancel)
	defer stall.Stop()
	body := &partBody{
		ctx: ctx, stall: stall, patience: patience, rest: d.frame, offset: d.offset, window: d.window,
		pace: d.e.Pace, count: &d.peer.facts.snapshot, trailer: http.Header{headerSnapshotSHA256: nil},
	}
	request, err := d.request(ctx, http.MethodPost, base, body)
	if err != nil {
		return stepAsk, err
	}
	request.ContentLength = -1 // chunked: a trailer follows
	request.Trailer = body.trailer
	request.Header.Set("Content-Type", "application/octet-stream")
	request.Header.Set(headerSnapshotOffset, strconv.FormatUint(d.offset, 10))
	if d.size > 0 {
		request.Header.Set(headerSnapshotSize, strconv.FormatUint(d.size, 10))
	}
	return d.exchange(request, d.offset+1)
}

func (d *delivery) request(ctx context.Context, method string, base *url.URL, body io.Reader) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, base.JoinPath(d.path).String(), body)
	if err != nil {
		return nil, err
	}
	d.e.mark(request.Header, d.peer.id)
	return request, nil
}

// exchange makes a request. An answer that the peer has less than least means
// that the attempt failed.
func (d *delivery) exchange(request *http.Request, least uint64) (step, error) {
	response, err := d.peer.clients.snapshot.RoundTrip(request)
	if err != nil {
		return stepAsk, brokenError{fmt.Errorf("%w: %w", transport.ErrUnreachable, err)}
	}
	defer closeAnswer(response)
	switch response.StatusCode {
	case http.StatusOK, http.StatusConflict, http.StatusAccepted, http.StatusNoContent:
		if err := d.peer.judge(response, func() error { return nil }); err != nil {
			return stepAsk, fmt.Errorf("%w: %w", transport.ErrSnapshotRefused, err)
		}
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusConflict:
		return d.goOn(response, least)
	case http.StatusAccepted:
		d.answered, d.progress = true, time.Now()
		return stepAsk, nil
	case http.StatusNoContent:
		return stepDone, nil
	case http.StatusNotFound, http.StatusNotImplemented:
		if !d.answered {
			return stepAsk, errNoParts
		}
	}
	err = d.e.snapshotVerdict(d.peer, response)
	if !d.answered && !errors.Is(err, greetings.ErrRemoved) {
		return stepAsk, brokenError{err} // another URL may lead to another node
	}
	return stepAsk, err
}

// goOn takes the offset from an answer.
func (d *delivery) goOn(response *http.Response, least uint64) (step, error) {
	has, err := strconv.ParseUint(response.Header.Get(headerSnapshotOffset), 10, 63)
	if err != nil {
		return stepAsk, fmt.Errorf("%w: offset: %w", transport.ErrUnreachable, err)
	}
	if !d.window.advance(has) {
		return stepAsk, fmt.Errorf("%w: it has %d bytes of the snapshot, and had %d", transport.ErrUnreachable, has, d.offset)
	}
	d.answered = true
	if has > d.offset {
		d.offset, d.progress = has, time.Now()
	}
	if has < least {
		return stepAsk, brokenError{fmt.Errorf("%w: it has no more than %d bytes", transport.ErrUnreachable, has)}
	}
	if d.broken {
		d.peer.facts.resumed.Add(1)
	}
	d.broken, d.refused = false, 0
	return stepPost, nil
}

// abandon tells the peer, if it can be told, that there will be no more.
func (d *delivery) abandon() {
	base := d.peer.urls.Pick()
	if base == nil {
		return
	}
	ctx, cancel := context.WithTimeout(d.e.Life.Context(), d.e.timing.resume())
	defer cancel()
	request, err := d.request(ctx, http.MethodDelete, base, nil)
	if err != nil {
		return
	}
	// Without an answer the receiver finds out for itself, a little later.
	if response, err := d.peer.clients.snapshot.RoundTrip(request); err == nil {
		closeAnswer(response)
	}
}

// partBody is the body of one part: the frame, then bytes of the snapshot. The
// trailer gets the checksum if the snapshot ends with it. stall ends the
// request if nothing moves, for which the snapshot's source is not to blame.
type partBody struct {
	ctx      context.Context
	stall    *time.Timer
	patience time.Duration
	rest     []byte // of the frame
	offset   uint64
	window   *window
	pace     *pace.Pace
	count    *atomic.Uint64
	trailer  http.Header
}

func (b *partBody) Read(buf []byte) (int, error) {
	if len(b.rest) > 0 {
		n := copy(buf, b.rest)
		b.rest = b.rest[n:]
		return n, nil
	}
	b.stall.Stop()
	n, sum, err := b.window.readAt(b.offset, buf[:min(len(buf), readStep)])
	b.pace.Spend(b.ctx, n)
	b.stall.Reset(b.patience)
	if ended := b.ctx.Err(); ended != nil {
		return 0, ended
	}
	b.offset += uint64(n)
	b.count.Add(uint64(n))
	if sum != "" {
		b.trailer.Set(headerSnapshotSHA256, sum)
	}
	return n, err
}
