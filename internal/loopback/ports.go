package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports to choose from are below those that systems give to outgoing
// connections. A node that dials a peer which is not up yet must not be given
// that peer's port as its own, and no other program is given the port of a
// node that is down for a while.
const (
	firstPort = 10_000
	lastPort  = 30_000
	maxTries  = 1000
)

// Ports gives out addresses on loopback, none of them twice. The zero value
// is ready, and safe for concurrent use.
//
// Nothing is reserved in the system: another program may take a port before
// its user listens on it. The choice is random, so that two users of Ports
// side by side seldom meet.
type Ports struct {
	mu    sync.Mutex
	given map[int]bool
}

// Free returns an address, "127.0.0.1:port", on which no program listens.
func (p *Ports) Free() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last error
	for range maxTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if p.given[port] {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if last = free(address); last != nil {
			continue
		}
		if p.given == nil {
			p.given = make(map[int]bool)
		}
		p.given[port] = true
		return address, nil
	}
	return "", fmt.Errorf("find a free port in [%d,%d): %w", firstPort, lastPort, last)
}

// free is an error if the address cannot be listened on, by TCP or by UDP.
func free(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	return c.Close()
}
