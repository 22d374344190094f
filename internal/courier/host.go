package courier

import (
	"context"
	"io"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Host is what a courier needs of the host that it belongs to. Its methods may be
// called concurrently. Only Launch and ReceiveSnapshot may wait: the others are called
// by transports, and by the raft goroutine (law 1).
type Host interface {
	Launcher
	Node
	Acquaintance
}

// Launcher starts transport plugins, and hears of those that cannot be used.
type Launcher interface {
	// Launch starts the plugin of a slot, with its section of the configuration, and
	// opens it with open. After an error its process is gone, or going.
	Launch(ctx context.Context, slot *catalog.Slot, config []byte, open func(context.Context, *catalog.Instance, plugins.Options) error) (*catalog.Instance, error)
	// IsPermanent tells whether after an error of Launch another try cannot help.
	IsPermanent(err error) bool
	// Retire closes a transport that has done nothing wrong, and ends its process. It
	// waits for that.
	Retire(in *catalog.Instance)
	// Fail ends the host: no transport can be used any more.
	Fail(err error)
}

// Node is the raft node of the host, which may be away while its storage restarts.
// Messages are lost then, as on a member that is down.
type Node interface {
	// Deliver takes messages of peers.
	Deliver(envelopes []transport.Envelope)
	// ReceiveSnapshot takes a snapshot whole, and returns when it is accepted or not.
	ReceiveSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error
	// Lost tells that messages to these peers were lost (law 7).
	Lost(peers []member.ID)
}

// Acquaintance is what the host knows of its peers, and learns by connections with
// them.
type Acquaintance interface {
	// Greeted tells what a peer showed, which fits.
	Greeted(peer member.ID, shows transport.Greeting)
	// Mismatch tells that the greetings of a peer and of this member do not fit.
	Mismatch(e *transport.Event)
	// ToldRemoved tells that a peer says that this member was removed.
	ToldRemoved(e *transport.Event)
	// Joined tells that there is a connection with a peer, Left that no transport has
	// one any more.
	Joined(peer member.ID)
	Left(peer member.ID)
	// Parted tells that a transport has ended with all of its connections. Connected
	// tells which peers another one reaches.
	Parted()
}
