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
	opened  map[string]int // of those, how many were answered with 200
}

func newFront(t testing.TB, target string, blocked ...string) *front {
	t.Helper()
	f := &front{blocked: blocked, asked: map[string]int{}, opened: map[string]int{}}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: target})
	proxy.FlushInterval = -1
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.StatusCode == http.StatusOK {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.opened[withoutID(r.Request.URL.Path)]++
		}
		return nil
	}
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
	f.asked[withoutID(path)]++
	return false
}

// withoutID is the path of a stream without the dialler's id, or another path.
func withoutID(path string) string {
	if strings.HasPrefix(path, "/raft/stream/") {
		return path[:strings.LastIndexByte(path, '/')]
	}
	return path
}

// streams is how many streams of a path were opened: a request that the node
// refused is not one.
func (f *front) streams(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opened[path]
}

// count is how many requests for a path were let through.
func (f *front) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[path]
}
