package httptransport

import (
	"net/url"
	"slices"
	"sync"
)

// urlPicker chooses which of a peer's URLs to use: always the same one until
// it fails, then the next.
type urlPicker struct {
	mu      sync.Mutex
	urls    []*url.URL
	current int
}

// set replaces the URLs. The chosen one is kept if it is still among them.
func (p *urlPicker) set(urls []*url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := -1
	if len(p.urls) > 0 {
		used := *p.urls[p.current]
		kept = slices.IndexFunc(urls, func(u *url.URL) bool { return *u == used })
	}
	p.urls, p.current = urls, max(kept, 0)
}

// pick returns the URL to use, or nil if the peer has none.
func (p *urlPicker) pick() *url.URL {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.urls) == 0 {
		return nil
	}
	return p.urls[p.current]
}

// failed moves on from u, unless somebody else already has.
func (p *urlPicker) failed(u *url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.urls) > 0 && p.urls[p.current] == u {
		p.current = (p.current + 1) % len(p.urls)
	}
}

// count is how many there are.
func (p *urlPicker) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.urls)
}
