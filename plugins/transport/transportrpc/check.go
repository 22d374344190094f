package transportrpc

import (
	"net"
	"strconv"
	"strings"
	"unicode"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

const (
	// envelopeOverhead is at least what an envelope takes on the wire beside
	// its payload.
	envelopeOverhead = 48
	// maxDetail bounds the text of an event.
	maxDetail = 4 << 10
	// maxEvents bounds the events of one message.
	maxEvents = 4096
	// maxAddress bounds the address that Open answers.
	maxAddress = 512
)

// maxPayload is the largest payload that fits a message.
func maxPayload(l plugins.Limits) int { return l.MaxMessageBytes() - 4<<10 }

// checkInbound holds what a plugin delivers against the contract.
func checkInbound(m *pluginv1.RaftInbound, o *pluginrpc.Opened) error {
	for i := range m.Envelopes {
		e := &m.Envelopes[i]
		switch {
		case e.Group != o.Call.Group:
			return pluginrpc.Breach("TR-23", "message of group %d, expected %d", e.Group, o.Call.Group)
		case e.To != o.NodeID:
			return pluginrpc.Breach("TR-23", "message to %x, this is %x", e.To, o.NodeID)
		case len(e.Payload) > maxPayload(o.Limits):
			return pluginrpc.Breach("TR-23", "message from %x of %d bytes, at most %d", e.From, len(e.Payload), maxPayload(o.Limits))
		case e.Class < pluginv1.MessageClass_CLASS_CONTROL || e.Class > pluginv1.MessageClass_CLASS_SNAPSHOT:
			return pluginrpc.Breach("TR-23", "message from %x of class %d", e.From, e.Class)
		}
	}
	if n := len(m.Events); n > maxEvents {
		return pluginrpc.Breach("TR-24", "%d events at once, at most %d", n, maxEvents)
	}
	for i := range m.Events {
		if err := checkEvent(&m.Events[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkEvent lets a removal without proof pass: a peer, not the plugin, left it
// out, and the host judges it.
func checkEvent(e *transport.Event) error {
	switch {
	case len(e.Detail) > maxDetail:
		return pluginrpc.Breach("TR-24", "event with a detail of %d bytes, at most %d", len(e.Detail), maxDetail)
	case e.Type == pluginv1.EventType_EVENT_SNAPSHOT_OFFERED && e.Offer == 0:
		return pluginrpc.Breach("TR-39", "snapshot offer without a number")
	case known(e.Type) && e.Type != pluginv1.EventType_EVENT_REMOVED && e.Type != pluginv1.EventType_EVENT_UNVERIFIED && e.Peer == 0:
		return pluginrpc.Breach("TR-24", "%s without a peer", e.Type)
	case e.Type == pluginv1.EventType_EVENT_MISMATCH:
		return checkMismatch(e)
	}
	return nil
}

// checkMismatch refuses a reason or verdict that this version does not know:
// the host could not tell what it means.
func checkMismatch(e *transport.Event) error {
	switch {
	case e.Reason < transport.MismatchStore || e.Reason > transport.MismatchNumber:
		return pluginrpc.Breach("TR-32", "mismatch with %x for the reason %d", e.Peer, e.Reason)
	case e.Verdict != transport.VerdictJudged && e.Verdict != transport.VerdictRefusedByPeer:
		return pluginrpc.Breach("TR-32", "mismatch with %x by the verdict %d", e.Peer, e.Verdict)
	case e.Reason == transport.MismatchStore && e.Verdict == transport.VerdictJudged && e.Known == 0:
		return pluginrpc.Breach("TR-32", "mismatch of stores with %x, of which none is known", e.Peer)
	}
	return nil
}

// known tells the events of this version; others are skipped.
func known(t pluginv1.EventType) bool {
	return t >= pluginv1.EventType_EVENT_UNREACHABLE && t <= pluginv1.EventType_EVENT_UNVERIFIED
}

// checkAddress holds the answer to Open against the contract. A transport may
// have addresses of its own form; one with a port must have a real one.
func checkAddress(address string) error {
	if address == "" || len(address) > maxAddress {
		return pluginrpc.Breach("TR-1", "address of %d bytes, at least 1 and at most %d", len(address), maxAddress)
	}
	if strings.ContainsFunc(address, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return pluginrpc.Breach("TR-1", "address %q", address)
	}
	if _, port, err := net.SplitHostPort(address); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return pluginrpc.Breach("TR-1", "address %q without a real port", address)
		}
	}
	return nil
}

// checkHeader holds the header of a received snapshot against the contract.
func checkHeader(h transport.SnapshotHeader, from uint64, o *pluginrpc.Opened) error {
	switch {
	case h.Group != o.Call.Group:
		return pluginrpc.Breach("TR-40", "snapshot of group %d, expected %d", h.Group, o.Call.Group)
	case h.To != o.NodeID:
		return pluginrpc.Breach("TR-40", "snapshot to %x, this is %x", h.To, o.NodeID)
	case h.From != from:
		return pluginrpc.Breach("TR-40", "snapshot from %x, offered by %x", h.From, from)
	case len(h.Message) == 0:
		return pluginrpc.Breach("TR-40", "snapshot without a message")
	}
	return nil
}
