//go:build linux

package hostile

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
)

// A shape is how the members of a cluster speak to each other, and to clients.
type shape struct {
	transport string
	secured   bool // mutual TLS between members
	clientTLS bool // mutual TLS with clients
	tokens    bool // clients show tokens
}

// A way is how honest clients come in: judges and writers.
type way struct {
	certs string      // directory of the certificates for clients; empty without TLS
	tls   *tls.Config // nil without TLS
	file  string      // of tokens; empty without
	token string
	wrong string // a token of another cluster
}

// guessesPerSecond is how many wrong tokens one address may show.
const guessesPerSecond = 100

// openWay makes the certificates and tokens of honest clients.
func (c *cluster) openWay(t testing.TB, dir string) {
	t.Helper()
	if c.clientTLS {
		c.way.certs = filepath.Join(dir, "clients")
		host.Does(t, "cert", "init", "--dir", c.way.certs, "--server", "api", "--hosts", "127.0.0.1", "--client", "app")
		in := func(file string) string { return filepath.Join(c.way.certs, file) }
		config, err := client.TLSFiles{CA: in("ca.crt"), Cert: in("app.crt"), Key: in("app.key")}.Config()
		if err != nil {
			t.Fatal(err)
		}
		c.way.tls = config
	}
	if c.tokens {
		create := func(file string) string {
			said := strings.Fields(host.Does(t, "token", "create", "--file", file, "--name", "app", "--role", "administer"))
			return said[slices.IndexFunc(said, func(word string) bool { return strings.HasPrefix(word, "pontoon_") })]
		}
		c.way.file = filepath.Join(dir, "tokens.json")
		c.way.token, c.way.wrong = create(c.way.file), create(filepath.Join(dir, "others.json"))
	}
}

// settings are those of the client and the administration port.
func (w *way) settings() (api, admin string) {
	if w.certs != "" {
		in := func(file string) string { return filepath.Join(w.certs, file) }
		api = fmt.Sprintf(", tls: {cert: %q, key: %q, client_ca: %q}", in("api.crt"), in("api.key"), in("ca.crt"))
		admin = ", insecure: true"
	}
	if w.file != "" {
		api += fmt.Sprintf(", access: {tokens_file: %q, limits: {app: {}, \"*\": {requests_per_second: %d}}}", w.file, guessesPerSecond)
	}
	return api, admin
}

// options are those of the Go client of one member.
func (w *way) options(address string) client.Options {
	if w.tls != nil {
		address = "https://" + address
	}
	return client.Options{Endpoints: []string{address}, TLS: w.tls, Token: w.token, AnyMember: true}
}

// administers is the way to the administration port, which has no TLS.
func (w *way) administers() *way { return &way{token: w.token} }

// web is how the judges talk HTTP: a connection for each request, so that a port
// which takes no more is noticed.
func web(patience time.Duration) *http.Client { return (&way{}).web(patience) }

func (w *way) web(patience time.Duration) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: w.tls}}
}

// get asks by plain HTTP; the code is 0 if there is no answer.
func get(address, path string) (code int, body []byte) { return (&way{}).get(address, path) }

func (w *way) get(address, path string) (code int, body []byte) {
	code, body, err := w.ask(http.MethodGet, address, path, "", 5*time.Second)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return code, body
}

// ask sends a request and reads its answer.
func (w *way) ask(method, address, path, body string, patience time.Duration) (code int, answer []byte, err error) {
	scheme := "http://"
	if w.tls != nil {
		scheme = "https://"
	}
	req, err := http.NewRequest(method, scheme+address+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	resp, err := w.web(patience).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}
