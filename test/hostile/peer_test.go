//go:build linux

package hostile

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// headersOf are those of requests from one member to another, with the store by
// which the receiver knows the sender.
func (a *assault) headersOf(from, to *member) http.Header {
	h := introduction(from, to)
	if store := a.storeOf(from, to); store != "" {
		h.Set("X-Pontoon-Store", store)
	}
	return h
}

// introduction is what a request says of its sender and its receiver, without their
// stores.
func introduction(from, to *member) http.Header {
	h := http.Header{}
	h.Set("X-Server-From", fmt.Sprintf("%x", from.id))
	h.Set("X-Server-Version", "3.5.0")
	h.Set("X-Min-Cluster-Version", "3.0.0")
	h.Set("X-Etcd-Cluster-Id", clusterID)
	h.Set("X-Raft-To", fmt.Sprintf("%x", to.id))
	return h
}

// storeOf is the store of a member, which tells it to a caller in the name of
// another one.
func (a *assault) storeOf(m, asker *member) string {
	if m.peer == "" {
		return "" // a stranger
	}
	a.mu.Lock()
	store := a.stores[m]
	a.mu.Unlock()
	if store != "" {
		return store
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, a.scheme()+m.peer+"/raft/probing", nil)
	if err != nil {
		a.Fatal(err)
	}
	req.Header = introduction(asker, m)
	resp, err := a.peerClient(asker).Do(req)
	if err != nil {
		a.Logf("ask member %d for its store: %v", m.id, err)
		return ""
	}
	resp.Body.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stores == nil {
		a.stores = map[*member]string{}
	}
	a.stores[m] = resp.Header.Get("X-Pontoon-Store")
	return a.stores[m]
}

// requestOf is the beginning of a request as text, without the end of its headers.
func (a *assault) requestOf(from, to *member, method, path string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path)
	_ = a.headersOf(from, to).Write(&b)
	return b.String()
}

// post sends a request in the name of a member, and returns the code of the answer,
// 0 if there is none.
func (a *assault) post(from, to *member, path string, body []byte) int {
	return a.send(http.MethodPost, from, to, path, body, a.headersOf(from, to))
}

// postWith posts a message with other headers than belong to its sender.
func (a *assault) postWith(from, to *member, path string, m *pluginv1.Message, other http.Header) int {
	body, err := m.Marshal()
	if err != nil {
		a.Fatal(err)
	}
	headers := a.headersOf(from, to)
	maps.Copy(headers, other)
	return a.send(http.MethodPost, from, to, path, body, headers)
}

// get asks in the name of a member.
func (a *assault) get(from, to *member, path string) int {
	return a.send(http.MethodGet, from, to, path, nil, a.headersOf(from, to))
}

func (a *assault) send(method string, from, to *member, path string, body []byte, headers http.Header) int {
	req, err := http.NewRequestWithContext(context.Background(), method, a.scheme()+to.peer+path, bytes.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	req.Header = headers
	resp, err := a.peerClient(from).Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<10) // streams do not end
	return resp.StatusCode
}

func (a *assault) scheme() string {
	if a.secured {
		return "https://"
	}
	return "http://"
}

// peerPatience is how long an attacker waits for an answer.
const peerPatience = 2 * time.Second

// peerClient keeps its connections, and has the certificate of that member if there
// are any.
func (a *assault) peerClient(as *member) *http.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cl, ok := a.peers[as.id]; ok {
		return cl
	}
	transport := &http.Transport{}
	if a.secured {
		transport.TLSClientConfig = a.certificateOf(as)
	}
	context.AfterFunc(a.ctx, transport.CloseIdleConnections)
	if a.peers == nil {
		a.peers = map[uint64]*http.Client{}
	}
	a.peers[as.id] = &http.Client{Transport: transport, Timeout: peerPatience}
	return a.peers[as.id]
}

// certificateOf is for connections in the name of a member, or of a stranger for whom
// the authority has signed.
func (a *assault) certificateOf(m *member) *tls.Config {
	name := filepath.Join(a.certs, fmt.Sprint("n", m.id))
	pair, err := tls.LoadX509KeyPair(name+".crt", name+".key")
	if err != nil {
		a.Fatal(err)
	}
	// Attackers do not mind whom they talk to.
	return &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true}
}
