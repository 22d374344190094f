// Package peerurls chooses among the URLs of a peer.
package peerurls

import (
	"errors"
	"net/url"
	"slices"
	"sync"
)

// ErrNone: there is no URL under which the peer could be reached.
var ErrNone = errors.New("peer has no usable URL")

// A Picker chooses which of a peer's URLs to use: always the same one until
// it fails, then the next. The zero value has none. Its methods may be called
// at any time by anyone.
type Picker struct {
	mu      sync.Mutex
	urls    []*url.URL
	current int
}

// Set replaces the URLs. The chosen one is kept if it is still among them.
func (p *Picker) Set(urls []*url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := -1
	if len(p.urls) > 0 {
		used := *p.urls[p.current]
		kept = slices.IndexFunc(urls, func(u *url.URL) bool { return *u == used })
	}
	p.urls, p.current = urls, max(kept, 0)
}

// Pick returns the URL to use, or nil if the peer has none.
func (p *Picker) Pick() *url.URL {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.urls) == 0 {
		return nil
	}
	return p.urls[p.current]
}

// Shown is the URL to use, for a log; empty if the peer has none.
func (p *Picker) Shown() string {
	if u := p.Pick(); u != nil {
		return u.String()
	}
	return ""
}

// Count is how many there are.
func (p *Picker) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.urls)
}

// Failed moves on from u, unless another caller already has.
func (p *Picker) Failed(u *url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.urls) > 0 && p.urls[p.current] == u {
		p.current = (p.current + 1) % len(p.urls)
	}
}
