package httptransport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// Peers that speak the protocol of etcd 2.0 (statement B7). They announce no
// version, have only the older form of the msgapp stream, GET
// /raft/stream/<id>, and send everything else through the pipeline, without
// X-Server-From. All of this needs old_peers in the configuration.

var (
	errOldPeer  = errors.New("peer has only the streams of etcd 2.0")
	errTermOver = errors.New("term is over")
	errNewTerm  = errors.New("a new term has begun")
)

// oldClusterMismatch is how etcd 2.0 spells errClusterMismatch.
const oldClusterMismatch = "clusterID mismatch"

// answersAsOld reports whether a peer's answer to the dialling of a stream of
// today means that it has only those of 2.0: it says so, or it says nothing of
// versions and takes the path for an id that it cannot read. No other version
// is ever taken for old.
func answersAsOld(response *http.Response) bool {
	v, ok := parseVersion(response.Header.Get(headerVersion))
	return ok && v == release{2, 0} &&
		(response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusOK)
}

// answerTo is the version to announce to a peer of the given one. etcd before
// 3.0 refuses streams of versions that it does not know, so such a peer hears
// its own.
func (i identity) answerTo(version string) string {
	v, ok := parseVersion(version)
	least, _ := parseVersion(minClusterVersion)
	if !i.oldPeers || !ok || v.less(firstWithStreams) || !v.less(least) {
		return protocolVersion
	}
	return fmt.Sprintf("%d.%d.0", v.major, v.minor)
}

// serveOldStream is the sending end of an entries stream.
func (e *endpoint) serveOldStream(w http.ResponseWriter, r *http.Request) {
	from, err := parseID(path.Base(r.URL.Path))
	if err != nil {
		http.Error(w, "invalid path", http.StatusNotFound)
		return
	}
	p, met := e.dialler(w, r, from)
	if p == nil {
		return
	}
	term, err := strconv.ParseUint(r.Header.Get(headerTerm), 10, 64)
	if err != nil || term == 0 {
		http.Error(w, "invalid term field", http.StatusBadRequest)
		return
	}
	if term < p.old.leading.Load() {
		http.Error(w, errTermOver.Error(), http.StatusPreconditionFailed)
		return
	}
	e.runStream(w, p, appendStream, met, &entriesTerm{link: raftmsg.Link{From: e.self.node, To: from}, term: term})
}

// messageSender is who a pipeline request says it is from, and 0 if it may
// leave that to its message.
func (e *endpoint) messageSender(w http.ResponseWriter, r *http.Request) (uint64, bool) {
	if e.config.OldPeers && r.Header.Get(headerFrom) == "" {
		return 0, true
	}
	return e.sender(w, r)
}

// namedByMessage is the sender that a message names, if it is a member known
// to this node. Otherwise the request is answered.
func (e *endpoint) namedByMessage(w http.ResponseWriter, s *raftmsg.Shape) (uint64, bool) {
	if e.refuseRemoved(w, s.From) {
		return 0, false
	}
	if !e.Roster.Knows(s.From) {
		http.Error(w, errUnknownSender.Error(), http.StatusNotFound)
		return 0, false
	}
	return s.From, true
}

// oldSession is the life of one connection to a peer of 2.0. It begins when
// this node has accepted appends of the peer, and so knows in which term it
// leads, and ends when it leads in a newer one. The newer form is asked for
// before every session, so a peer that was upgraded is found out at the latest
// when its old connection has ended.
func (r *streamReader) oldSession(ctx context.Context) error {
	e := r.peer.e
	waiting, stop := context.WithTimeout(ctx, e.timing.old)
	term, newer := r.peer.old.await(waiting)
	stop()
	if term == 0 {
		return errOldPeer
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		select {
		case <-newer:
			cancel(errNewTerm)
		case <-ctx.Done():
		}
	})
	extra := http.Header{headerTerm: {strconv.FormatUint(term, 10)}}
	body, err := r.ask(ctx, r.peer.clients.oldStream, checkOldAnswer, extra)
	if err != nil {
		return err
	}
	defer body.Close()
	err = r.up(&entriesDecoder{
		r: bufio.NewReaderSize(body, readBufferBytes), term: term, limit: e.MaxMessage,
		link: raftmsg.Link{From: r.peer.id, To: e.self.node},
	})
	if errors.Is(context.Cause(ctx), errNewTerm) {
		r.wasUp = false // nothing to warn of
		return errNewTerm
	}
	return err
}

func checkOldAnswer(response *http.Response, self identity) error {
	if response.StatusCode != http.StatusOK {
		return answerError(response, self)
	}
	return checkCluster(response, self)
}
