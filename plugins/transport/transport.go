package transport

import (
	"context"
	"errors"
	"io"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// The wire types are the contract's types.
type (
	// Envelope is one message on its way. Its Payload is immutable from the
	// moment it is handed over, in both directions.
	Envelope = pluginv1.Envelope
	// Peer is another member: its id and URLs; Remote if it is known only by
	// hearsay (statement B2); Store if the host knows its store's id.
	Peer = pluginv1.Peer
	// RemovedMember is proof that a member was removed.
	RemovedMember = pluginv1.RemovedMember
	// Event is something that the transport tells its host.
	Event = pluginv1.Event
	// SnapshotHeader announces a snapshot.
	SnapshotHeader = pluginv1.SnapshotHeader
)

// Errors of the contract. See also those of package plugins.
var (
	// ErrAddressInUse: the listen address is taken. Open returns it.
	ErrAddressInUse = errors.New("address is in use")
	// ErrUnknownPeer: the peer is not in the set given to SetPeers.
	// SendSnapshot and Ping return it.
	ErrUnknownPeer = errors.New("unknown peer")
	// ErrUnreachable: the peer could not be reached, or the connection broke.
	// SendSnapshot and Ping return it.
	ErrUnreachable = errors.New("peer is unreachable")
	// ErrSnapshotRefused: the receiver did not accept the snapshot.
	// SendSnapshot returns it.
	ErrSnapshotRefused = errors.New("snapshot was refused")
)

// Options is what a transport is opened with.
type Options struct {
	plugins.Options
	// Listen is the address to listen on for peers, host:port. Port 0 lets
	// the system choose.
	Listen string
	// Advertise are the URLs under which peers reach this node.
	Advertise []string
}

// PeerSet is the whole of what a transport should know of others, and what it
// should say of this node.
type PeerSet struct {
	// Self is what this node says of itself, on every connection from now on.
	// Zero: nothing. A change of Self.Store ends all connections, which are made
	// anew; a change of the rest ends those that it contradicts.
	Self Greeting
	// Peers are the members to talk to, without this node. A peer's Store is
	// the one that it must say (Greeting.Judge). While it is 0, the first store
	// that the transport has seen of the peer takes its place: until the host
	// names one, takes back one that it had named, or leaves the peer out. A
	// connection that a Store contradicts ends.
	Peers []Peer
	// Removed are members that must be told so when they call (statement B1).
	Removed []RemovedMember
	// Joining says that this node is not a member yet, as far as its host knows:
	// those that know it as one may be unknown here, and are heard. Otherwise a
	// transport whose callers prove who they are hears those in Peers, and others
	// when one of Peers knows them as members.
	Joining bool
}

// Handler is the host's side: the transport calls it. Its methods may be
// called concurrently. Deliver and Notify return quickly; they never wait for
// raft, a disk or a peer, and do not call the transport.
type Handler interface {
	// Deliver hands over messages from peers, in the order received on each
	// connection.
	Deliver(envelopes []Envelope)
	// Notify reports events, in order with Deliver. A peer's greeting is told
	// with EVENT_GREETED before any message of a connection with it, when it is
	// seen for the first time and whenever it differs from the last one told.
	// The greeting that says nothing is not told first. Peers that do not belong
	// together are told with EVENT_MISMATCH by both ends, at each attempt but at
	// most once for each peer, reason and verdict in an election timeout.
	Notify(events []Event)
	// ReceiveSnapshot takes a whole snapshot from r and returns when it is
	// accepted (nil) or not. r ends with io.EOF only if everything arrived
	// unchanged. It may take long.
	ReceiveSnapshot(ctx context.Context, header SnapshotHeader, r io.Reader) error
}

// MostSnapshots is how many snapshots a host takes from its transport at one time. No
// setting of a backend allows more than that.
const MostSnapshots = 64

// Transport is implemented by transport backends, and by the host's end of
// the RPC connection to one. Methods may be called concurrently after Open.
type Transport interface {
	// Describe says what the backend is. It may be called before Open.
	Describe() plugins.Info

	// Open starts listening and returns the address, with the real port. From
	// then on the handler may be called, until Close has returned. Errors:
	// ErrAddressInUse, plugins.ErrInvalidConfig.
	Open(ctx context.Context, opts Options, h Handler) (address string, err error)

	// SetPeers replaces what the transport knows of others. Connections to
	// peers that stay are kept.
	SetPeers(ctx context.Context, set PeerSet) error

	// Send hands over messages. It never waits for the network: messages that
	// cannot be queued are dropped and reported as unreachable, those to
	// unknown peers included. An error means that the transport is broken or
	// closed.
	Send(ctx context.Context, envelopes []Envelope) error

	// SendSnapshot sends one snapshot, read from r, to header.To and waits for
	// the receiver's verdict. Its return is the snapshot's one and only
	// status. Errors: ErrUnknownPeer, ErrUnreachable, ErrSnapshotRefused, or
	// the one that r returned.
	SendSnapshot(ctx context.Context, header SnapshotHeader, r io.Reader) error

	// Close stops listening, ends all connections and waits until no handler
	// call is running. Close twice is harmless.
	Close(ctx context.Context) error
}
