//go:build linux

package hostile

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
)

// statusRequest is a request as text.
const statusRequest = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

// halfClientTLS opens connections that begin a handshake and do not end it, or end it
// without a certificate.
func halfClientTLS(a *assault) {
	a.slowly(a.leader.client, of(400), clientHello)
	a.slowly(a.leader.client, of(200), clientHello[:1])
	a.times(attackers, func(int) {
		for !a.over() {
			a.asksInVain(&tls.Config{InsecureSkipVerify: true}, a.leader)
		}
	})
}

// asksInVain asks over TLS. An answer other than a refusal fails the attack.
func (a *assault) asksInVain(shows *tls.Config, to *member) {
	c := a.dial(to.client)
	if c == nil {
		return
	}
	defer c.Close()
	secured := tls.Client(c, shows)
	if secured.HandshakeContext(a.ctx) != nil {
		return
	}
	_, _ = fmt.Fprint(secured, statusRequest)
	resp, err := http.ReadResponse(bufio.NewReader(secured), nil)
	if err != nil {
		return
	}
	resp.Body.Close()
	if resp.StatusCode < 400 {
		a.Errorf("member %d answered %s to a stranger", to.id, resp.Status)
	}
}

// plainAtTLS speaks HTTP/1 and HTTP/2 at a port that wants TLS.
func plainAtTLS(a *assault) {
	a.times(attackers, func(i int) {
		for !a.over() {
			to := a.members[i%len(a.members)]
			c := a.dial(to.client)
			if c == nil {
				continue
			}
			_, _ = fmt.Fprint(c, statusRequest)
			answer, _ := io.ReadAll(c)
			if len(answer) > 0 && !strings.Contains(string(answer), "wants TLS") {
				a.Errorf("member %d answered to plain text: %.100q", to.id, answer)
			}
			c.Close()
		}
	})
	rapidReset(a) // by connections that are told so call by call
}

// strangersOfClients show certificates of another authority, of a client and of the
// port's own kind, and of the right authority for a member.
func strangersOfClients(a *assault) {
	elsewhere := filepath.Join(a.way.certs, "elsewhere")
	host.Does(a, "cert", "init", "--dir", elsewhere, "--client", "app")
	host.Does(a, "cert", "init", "--dir", a.way.certs, "--cluster", clusterID, "--members", "n1=1")
	var shows []*tls.Config
	for _, name := range []string{filepath.Join(elsewhere, "app"), filepath.Join(a.way.certs, "api"), filepath.Join(a.way.certs, "n1")} {
		pair, err := tls.LoadX509KeyPair(name+".crt", name+".key")
		if err != nil {
			a.Fatal(err)
		}
		config := &tls.Config{InsecureSkipVerify: true}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		shows = append(shows, config)
	}
	a.times(attackers, func(i int) {
		for n := i; !a.over(); n++ {
			a.asksInVain(shows[n%len(shows)], a.members[n%len(a.members)])
		}
	})
}
