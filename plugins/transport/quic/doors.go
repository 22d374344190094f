package quictransport

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/quic-go/quic-go"
)

var errTooMany = errors.New("too many connections")

// unfinishedBeforeRetry is how many callers may be between their first packet
// and their greeting before new ones must show that their address is theirs.
const unfinishedBeforeRetry = 32

// doors count inbound connections from their first packet on, and refuse those
// that are too many before they cost more than that packet.
type doors struct {
	total, each int

	mu         sync.Mutex
	all        int
	open       map[string]int // by IP address
	unfinished int
}

func newDoors(total, each int) *doors {
	return &doors{total: total, each: each, open: map[string]int{}}
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
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= d.total || d.open[host] >= d.each {
		return nil, errTooMany
	}
	d.all++
	d.open[host]++
	d.unfinished++
	greeted := sync.OnceFunc(d.greeted)
	context.AfterFunc(ctx, func() {
		greeted()
		d.leave(host)
	})
	return context.WithValue(ctx, visitorKey{}, visitor{greeted}), nil
}

func (d *doors) greeted() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unfinished--
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
func (d *doors) doubtful(net.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.unfinished >= unfinishedBeforeRetry
}

// count is how many connections there are.
func (d *doors) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all
}
