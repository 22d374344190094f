package quictransport

import (
	"context"
	"net"
	"sync"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
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
	total, each int
	refused     func(address string) // told of each that is refused

	mu         sync.Mutex
	all        int
	open       map[string]int // by IP address
	unfinished int
	silent     map[string]int // unfinished ones by IP address
}

func newDoors(total, each int, refused func(address string)) *doors {
	return &doors{total: total, each: each, refused: refused, open: map[string]int{}, silent: map[string]int{}}
}

// visitorKey is where a connection's context has its visitor.
type visitorKey struct{}

// A visitor is one inbound connection.
type visitor struct{ greeted func() }

// admit is called for each new inbound connection; the returned context ends
// with it.
func (d *doors) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	host, _, err := net.SplitHostPort(info.RemoteAddr.String())
	if err != nil {
		return nil, err
	}
	if !d.enter(host) {
		d.refused(info.RemoteAddr.String())
		return nil, refusals.ErrTooMany
	}
	greeted := sync.OnceFunc(func() { d.greeted(host) })
	context.AfterFunc(ctx, func() {
		greeted()
		d.leave(host)
	})
	return context.WithValue(ctx, visitorKey{}, visitor{greeted}), nil
}

// enter gives a caller its place. Those that have not greeted yet hold half of the
// places at most, also of those of their address: members that are connected keep
// the rest.
func (d *doors) enter(host string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= d.total || d.open[host] >= d.each || d.unfinished >= max(1, d.total/2) || d.silent[host] >= max(1, d.each/2) {
		return false
	}
	d.all++
	d.open[host]++
	d.unfinished++
	d.silent[host]++
	return true
}

func (d *doors) greeted(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unfinished--
	if d.silent[host]--; d.silent[host] == 0 {
		delete(d.silent, host)
	}
}

func (d *doors) leave(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.open[host]--; d.open[host] == 0 {
		delete(d.open, host)
	}
}

// doubtful reports whether a new caller must show that its address is its own.
func (d *doors) doubtful(caller net.Addr) bool {
	host, _, err := net.SplitHostPort(caller.String())
	if err != nil {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.unfinished >= unfinishedBeforeRetry || d.silent[host] >= max(1, d.each/silentBeforeRetry)
}

// count is how many connections there are.
func (d *doors) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all
}
