//go:build linux

package e2e

import (
	"strings"
	"time"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// floodKinds are the events of a flood: all but EVENT_MISMATCH, by which a member may rightly
// hold that it is not ready.
var floodKinds = []pluginv1.EventType{
	pluginv1.EventType_EVENT_UNREACHABLE, pluginv1.EventType_EVENT_ACTIVE, pluginv1.EventType_EVENT_INACTIVE,
	pluginv1.EventType_EVENT_REMOVED, pluginv1.EventType_EVENT_SNAPSHOT_OFFERED, pluginv1.EventType_EVENT_GREETED,
	pluginv1.EventType_EVENT_UNVERIFIED,
}

// transportLies are those that only a transport can tell.
func transportLies() map[string]lie {
	message := func(e transport.Envelope) *pluginv1.RaftInbound {
		return &pluginv1.RaftInbound{Envelopes: []transport.Envelope{e}}
	}
	event := func(e transport.Event) *pluginv1.RaftInbound {
		return &pluginv1.RaftInbound{Events: []transport.Event{e}}
	}
	return map[string]lie{
		"open: no address":        {lives: 1, say: spoils(func(r *pluginv1.TransportOpenResponse) { r.Address = "" })},
		"open: another's port":    {lives: 1, say: spoils(func(r *pluginv1.TransportOpenResponse) { r.Address = "127.0.0.1:http" })},
		"raft: to another member": {lives: 1, begin: delivers(func() any { return message(transport.Envelope{Group: 1, To: 3, From: 2, Payload: []byte("m")}) })},
		"raft: of another group":  {lives: 1, begin: delivers(func() any { return message(transport.Envelope{Group: 2, To: 1, From: 2, Payload: []byte("m")}) })},
		"raft: of an unknown class": {lives: 1, begin: delivers(func() any {
			return message(transport.Envelope{Group: 1, To: 1, From: 2, Class: 9, Payload: []byte("m")})
		})},
		"raft: from this member": {begin: delivers(func() any { return message(transport.Envelope{Group: 1, To: 1, From: 1, Payload: []byte("m")}) })},
		"raft: not a message": {begin: delivers(func() any {
			return message(transport.Envelope{Group: 1, To: 1, From: 2, Payload: []byte("not a message of raft")})
		})},
		"raft: of 2 GiB":              {lives: 1, begin: delivers(func() any { return zeros(1<<31 - 1) })},
		"raft: events by the million": {lives: 1, begin: delivers(func() any { return &pluginv1.RaftInbound{Events: make([]transport.Event, 1_000_000)} })},
		"raft: a detail of 20 MiB": {lives: 1, begin: delivers(func() any {
			return event(transport.Event{Type: pluginv1.EventType_EVENT_ACTIVE, Peer: 2, Detail: strings.Repeat("a", 20<<20)})
		})},
		"raft: an event without a peer": {lives: 1, begin: delivers(func() any { return event(transport.Event{Type: pluginv1.EventType_EVENT_ACTIVE}) })},
		"raft: events without an end": {by: (*chaos).writes, begin: floods(func(i uint64) any {
			kind := floodKinds[i%uint64(len(floodKinds))]
			return event(transport.Event{Type: kind, Peer: 2 + i/8, Offer: 1 + i, Greeting: pluginv1.Greeting{Store: i}})
		})},
		"raft: words of one peer without an end": {by: (*chaos).writes, begin: floods(func(i uint64) any {
			return event(transport.Event{Type: pluginv1.EventType_EVENT_UNREACHABLE, Peer: 2})
		})},
		"raft: nothing without an end": {by: (*chaos).writes, begin: floods(func(uint64) any { return &pluginv1.RaftInbound{} })},
		"raft: junk without an end": {begin: floods(func(uint64) any {
			return message(transport.Envelope{Group: 1, To: 1, From: 2, Payload: []byte("not a message of raft")})
		})},
		"raft: ends with OK": {lives: 1, begin: on("Raft", func(grpc.ServerStream) error { return errOver })},
	}
}

// delivers is a lie at the beginning of the stream of messages. It is told more than once:
// a host that has just opened the transport may not have a node yet.
func delivers(message func() any) func(string, grpc.ServerStream) error {
	return on("Raft", func(s grpc.ServerStream) error {
		for range 100 {
			if err := s.SendMsg(message()); err != nil {
				return err
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-s.Context().Done():
				return s.Context().Err()
			}
		}
		return nil
	})
}

// floods is a lie that the plugin tells as fast as its host takes it.
func floods(message func(i uint64) any) func(string, grpc.ServerStream) error {
	return on("Raft", func(s grpc.ServerStream) error {
		for i := uint64(0); ; i++ {
			if err := s.SendMsg(message(i)); err != nil {
				return err
			}
		}
	})
}
