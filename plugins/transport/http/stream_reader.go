package httptransport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/complaints"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// batchMessages is the most messages delivered in one call.
const batchMessages = 1024

// streamDown is the complaint about a stream that has ended. It is over when the streams
// of the peer have stood for a while: one that comes up may be ended again at once.
const streamDown = "stream from peer is down"

// A streamReader keeps one stream from a peer open and delivers what arrives.
type streamReader struct {
	peer *peer
	kind streamKind

	wasUp   bool // the last attempt got a stream: its end is worth a warning
	refused bool // the peer will not have this node, and that was said
	hint    int  // size of the last batch
}

// run dials, and dials again, until ctx ends.
func (r *streamReader) run(ctx context.Context) {
	for {
		started, living := time.Now(), r.peer.Living()
		err := r.session(ctx)
		if ctx.Err() != nil {
			return
		}
		r.log(err)
		wait := r.peer.e.timing.Again()
		if r.peer.e.Refused(r.peer, err) {
			wait = r.peer.e.timing.Removed
		}
		if errors.Is(err, errOldPeer) {
			wait = r.peer.e.timing.old
		}
		if !pauseUntil(ctx, living, wait-time.Since(started)) {
			return
		}
	}
}

// pauseUntil is a pause that early shortens. It reports whether ctx goes on.
func pauseUntil(ctx, early context.Context, wait time.Duration) bool {
	short, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(early, cancel)()
	pause.For(short, wait)
	return ctx.Err() == nil
}

func (r *streamReader) log(err error) {
	if misconfigured(err) {
		r.peer.failed(err)
		r.logRefusal(err)
		return
	}
	switch {
	case r.wasUp: // two that call under one id may end it as often as they can dial
		r.peer.e.Complaints.Failed(r.peer.id, streamDown, fmt.Errorf("%s: %w", r.kind.path(), err))
	case !errors.Is(err, errOldPeer):
		r.peer.failed(err)
	}
	r.wasUp = false
	r.peer.e.Logger.Debug("a stream from a peer is not there", "peer", formatID(r.peer.id), "stream", r.kind.path(), "error", err)
}

// logRefusal says once, and for both streams together, that the configuration
// has to be corrected here or there.
func (r *streamReader) logRefusal(err error) {
	if r.refused || r.kind != appendStream {
		return
	}
	r.refused = true
	r.peer.e.Logger.Error("peer and this node do not belong together: check cluster.id, node.id and cluster.members of both",
		"peer", formatID(r.peer.id), "error", err)
}

// misconfigured reports whether trying again will not help. A peer that does
// not know this node may still hear of it.
func misconfigured(err error) bool {
	return errors.Is(err, errClusterMismatch) || errors.Is(err, errToMismatch) || errors.Is(err, errIncompatibleVersion)
}

// session is the life of one connection.
func (r *streamReader) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.peer.Living(), cancel)()
	body, err := r.dial(ctx)
	if errors.Is(err, errOldPeer) && r.kind == appendStream {
		return r.oldSession(ctx)
	}
	if err != nil {
		return err
	}
	defer body.Close()
	return r.up(r.decoder(body))
}

// up receives while the stream counts as one that is up.
func (r *streamReader) up(frames frameReader) error {
	r.wasUp, r.refused = true, false
	r.peer.e.Reach.Reached(r.peer.id)
	r.peer.count(1)
	defer r.peer.count(-1)
	stands := time.AfterFunc(complaints.Quiet, func() { r.peer.e.Complaints.Settle(r.peer.id, streamDown) })
	defer stands.Stop()
	return r.receive(frames)
}

func (r *streamReader) decoder(body io.Reader) frameReader {
	e := r.peer.e
	buffered := bufio.NewReaderSize(body, readBufferBytes)
	ends := raftmsg.Link{From: r.peer.id, To: e.self.node}
	if r.kind == appendStream {
		return &msgappDecoder{r: buffered, link: ends, limit: e.MaxMessage}
	}
	return &messageDecoder{r: buffered, link: ends, limit: e.MaxMessage}
}

// dial asks the peer for the stream.
func (r *streamReader) dial(ctx context.Context) (io.ReadCloser, error) {
	return r.ask(ctx, r.peer.clients.stream, checkStreamAnswer, nil, r.kind.path())
}

// ask sends the request for a stream and returns the body of the answer.
func (r *streamReader) ask(ctx context.Context, through *client, check func(*http.Response, identity) error, extra http.Header, kind ...string) (io.ReadCloser, error) {
	e := r.peer.e
	base := r.peer.urls.Pick()
	if base == nil {
		return nil, peerurls.ErrNone
	}
	target := base.JoinPath(pathStream).JoinPath(append(kind, formatID(e.self.node))...).String()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	e.mark(request.Header, r.peer.id)
	maps.Copy(request.Header, extra)
	response, err := through.RoundTrip(request)
	if err != nil {
		r.peer.urls.Failed(base)
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	if err := r.peer.judge(response, func() error { return check(response, e.self) }); err != nil {
		if !errors.Is(err, errOldPeer) {
			r.peer.urls.Failed(base)
		}
		closeAnswer(response)
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	return response.Body, nil
}

func checkStreamAnswer(response *http.Response, self identity) error {
	if self.oldPeers && answersAsOld(response) {
		return errOldPeer
	}
	if response.StatusCode != http.StatusOK {
		return answerError(response, self)
	}
	if version := response.Header.Get(headerVersion); !streams(version) {
		return fmt.Errorf("%w: peer announces %q", errIncompatibleVersion, version)
	}
	return checkCluster(response, self)
}

func checkCluster(response *http.Response, self identity) error {
	if cluster := response.Header.Get(headerCluster); cluster != "" && cluster != formatID(self.cluster) {
		return clusterMismatch(cluster, self)
	}
	return nil
}

func clusterMismatch(cluster string, self identity) error {
	return fmt.Errorf("%w: the peer is in cluster %.16s, this node in %s", errClusterMismatch, cluster, formatID(self.cluster))
}

// answerError turns an answer other than success into an error.
func answerError(response *http.Response, self identity) error {
	if response.StatusCode == http.StatusGone {
		return &greetings.RemovedError{Proof: removedProof(response.Header, self.node)}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("answer %s: %w", response.Status, err)
	}
	reason := strings.TrimSpace(string(text))
	if reason == oldClusterMismatch {
		reason = errClusterMismatch.Error()
	}
	if cluster := response.Header.Get(headerCluster); reason == errClusterMismatch.Error() && cluster != "" {
		return clusterMismatch(cluster, self)
	}
	for _, known := range []error{errIncompatibleVersion, errClusterMismatch, errToMismatch, errUnknownSender, greetings.ErrNotReady} {
		if reason == known.Error() {
			return fmt.Errorf("answer %s: %w", response.Status, known)
		}
	}
	return fmt.Errorf("answer %s: %q", response.Status, reason)
}

// closeAnswer reads a little of what is left, so that the connection can be
// used again.
func closeAnswer(response *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 4<<10))
	_ = response.Body.Close()
}

// receive delivers batches until the stream fails.
func (r *streamReader) receive(frames frameReader) error {
	for {
		batch, err := r.gather(frames)
		if len(batch) > 0 {
			r.peer.e.Handler.Deliver(batch)
		}
		if err != nil {
			return err
		}
	}
}

// gather waits for one message and takes all others that are there already.
func (r *streamReader) gather(frames frameReader) ([]transport.Envelope, error) {
	batch := make([]transport.Envelope, 0, max(1, min(r.hint, batchMessages)))
	for {
		payload, s, err := frames.next()
		if err != nil {
			return batch, err
		}
		if payload != nil {
			batch = append(batch, r.peer.e.envelope(r.peer.id, payload, s))
		}
		if n := len(batch); n == batchMessages || (n > 0 && !frames.complete()) {
			r.hint = n
			return batch, nil
		}
	}
}

// envelope wraps a message from a peer for the host.
func (e *endpoint) envelope(from uint64, payload []byte, s *raftmsg.Shape) transport.Envelope {
	return transport.Envelope{
		Group: e.Group, To: e.self.node, From: from,
		Class: class(s.Kind), Payload: payload,
	}
}

// class tells a message's class from its raft type.
func class(kind uint64) pluginv1.MessageClass {
	const typeProp, typeReadIndex = 2, 15
	switch kind {
	case raftmsg.TypeApp:
		return pluginv1.MessageClass_CLASS_APPEND
	case raftmsg.TypeSnap:
		return pluginv1.MessageClass_CLASS_SNAPSHOT
	case typeProp, typeReadIndex:
		return pluginv1.MessageClass_CLASS_PROPOSAL
	default:
		return pluginv1.MessageClass_CLASS_CONTROL
	}
}
