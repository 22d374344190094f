package etcd36

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// front stands before a node. It refuses requests to some paths, and counts.
type front struct {
	server *httptest.Server

	mu      sync.Mutex
	blocked []string
	asked   map[string]int // by path without the dialler's id
}

func newFront(t testing.TB, target string, blocked ...string) *front {
	t.Helper()
	f := &front{blocked: blocked, asked: map[string]int{}}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: target})
	proxy.FlushInterval = -1
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.refuses(r.URL.Path) {
			http.Error(w, "not here", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { _ = f.server.Config.Close() }) // does not wait for streams
	return f
}

func (f *front) address() string { return f.server.Listener.Addr().String() }

func (f *front) refuses(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, prefix := range f.blocked {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	if strings.HasPrefix(path, "/raft/stream/") {
		path = path[:strings.LastIndexByte(path, '/')]
	}
	f.asked[path]++
	return false
}

// count is how many requests for a path were let through.
func (f *front) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[path]
}
