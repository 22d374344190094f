package quictransport

import (
	"context"
	"net"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/visitors"
)

const (
	// unfinishedBeforeRetry is how many callers may be between their first packet
	// and their greeting before new ones must show that their address is theirs.
	unfinishedBeforeRetry = 32
	// silentBeforeRetry is the part of the connections of one address that such
	// callers of it may have before that: first packets that another one sends in the
	// name of a member leave that member its places.
	silentBeforeRetry = 8
)

// doors count inbound connections from their first packet on, and refuse those
// that are too many before they cost more than that packet.
type doors struct {
	*visitors.Visitors
	each    int
	refused func(address string) // told of each that is refused
}

func newDoors(total, each int, refused func(address string)) *doors {
	return &doors{visitors.New(total, each), each, refused}
}

// visitorKey is where a connection's context has its visitor.
type visitorKey struct{}

// admit is called for each new inbound connection; the returned context ends
// with it.
func (d *doors) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	host, _, err := net.SplitHostPort(info.RemoteAddr.String())
	if err != nil {
		return nil, err
	}
	v := d.EnterFree(host)
	if v == nil {
		d.refused(info.RemoteAddr.String())
		return nil, refusals.ErrTooMany
	}
	context.AfterFunc(ctx, v.Leave)
	return context.WithValue(ctx, visitorKey{}, v), nil
}

// doubtful reports whether a new caller must show that its address is its own.
func (d *doors) doubtful(caller net.Addr) bool {
	host, _, err := net.SplitHostPort(caller.String())
	if err != nil {
		return true
	}
	_, unfinished, silent := d.Count(host)
	return unfinished >= unfinishedBeforeRetry || silent >= max(1, d.each/silentBeforeRetry)
}

// count is how many connections there are.
func (d *doors) count() int {
	all, _, _ := d.Count("")
	return all
}
