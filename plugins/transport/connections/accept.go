package connections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// accept takes connections until Close.
func (n *node) accept() {
	for {
		conn, err := n.listener.Accept()
		switch {
		case n.life.Context().Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return
		case err != nil: // too many open files, say
			n.logger.Error("a connection was not accepted", "error", err)
			select {
			case <-n.life.Context().Done():
			case <-time.After(redial):
			}
			continue
		}
		l := n.callerLink(conn)
		if !n.admit(l) {
			_ = conn.Close()
			continue
		}
		n.life.Fork(func() {
			defer n.dismiss(l)
			n.serve(l)
		})
	}
}

// serve is the life of a connection that another node has dialled.
func (n *node) serve(l *link) {
	conn := l.conn
	defer close(l.ended)
	defer conn.Close()
	defer context.AfterFunc(n.life.Context(), func() { _ = conn.Close() })()
	if err := n.welcome(l); err != nil {
		n.logger.Debug("a caller was refused", "address", conn.RemoteAddr().String(), "error", err)
		return
	}
	defer n.leave(l)
	defer n.hold(l)()
	if l.lane == laneSnapshot {
		n.receive(l)
		return
	}
	l.conn.limit = silence
	for {
		if err := n.next(l); err != nil {
			n.logger.Debug("a caller's connection ended", "peer", l.peer, "error", err)
			return
		}
	}
}

// welcome reads a hello and answers it. Without an error the link stands.
func (n *node) welcome(l *link) error {
	if err := l.conn.SetDeadline(time.Now().Add(silence)); err != nil {
		return err
	}
	if err := n.shake(l); err != nil {
		return err
	}
	var h hello
	if err := n.readJSON(l.r, frameHello, &h); err != nil {
		return err
	}
	if err := n.proves(l, h.From); err != nil {
		return errors.Join(err, writeJSON(l.conn, frameAnswer, answer{Code: codeRefused, Cluster: n.opts.ClusterID, From: n.opts.NodeID, Text: "the certificate is of another member"}))
	}
	a := n.judgeCaller(l, h)
	l.peer, l.lane, l.met, l.said = h.From, h.Lane, h.Greeting, a.Greeting
	if a.Code == codeMismatch {
		n.reach.Failed(h.From, l.conn.RemoteAddr().String(), &transport.Mismatch{Reason: a.Reason, Own: a.Greeting, Peer: h.Greeting, Known: a.Known})
	}
	if a.Code == codeWelcome {
		if err := n.take(l); err != nil {
			a = answer{Code: codeRefused, Cluster: a.Cluster, From: a.From, Text: err.Error()}
		}
	}
	err := writeJSON(l.conn, frameAnswer, a)
	if a.Code != codeWelcome {
		return errors.Join(err, errors.New(a.Code))
	}
	if err = errors.Join(err, l.conn.SetDeadline(time.Time{})); err != nil {
		n.leave(l)
	}
	return err
}

// take lets the link stand once the one before it of the same peer and lane has ended: what
// it has still to deliver came first.
func (n *node) take(l *link) error {
	late := time.After(silence / 2)
	for {
		before, err := n.stand(l)
		if before == nil {
			return err
		}
		_ = before.conn.Close()
		select {
		case <-before.ended:
		case <-late:
			return errors.New("the connection before it has not ended")
		}
	}
}

// next reads a frame of a peer, and does what it says.
func (n *node) next(l *link) error {
	kind, body, err := n.readPaced(l, l.peer)
	if err != nil {
		return err
	}
	switch kind {
	case frameHeartbeat:
		return writeFrame(l.conn, frameHeartbeat, nil)
	case frameGreeting:
		if !l.greetings.Take(time.Now()) {
			return errors.New("it says something new of itself too often")
		}
		var g transport.Greeting
		if err := json.Unmarshal(body, &g); err != nil {
			return err
		}
		if m := n.book.Meet(l.peer, g); m != nil {
			return m
		}
		return nil
	case frameMessage:
		return n.deliver(l.peer, body)
	}
	return fmt.Errorf("a frame of kind %q", kind)
}

// deliver hands over a message, which must be one of this peer to this node.
func (n *node) deliver(from uint64, body []byte) error {
	var m transport.Envelope
	if err := m.Unmarshal(body); err != nil {
		return err
	}
	_, known := pluginv1.MessageClass_name[int32(m.Class)]
	if m.From != from || m.To != n.opts.NodeID || m.Group != n.opts.Group || !known || m.Class == pluginv1.MessageClass_CLASS_SNAPSHOT {
		return fmt.Errorf("a message from %x to %x of group %d and class %d", m.From, m.To, m.Group, m.Class)
	}
	n.handler.Deliver([]transport.Envelope{m})
	return nil
}
