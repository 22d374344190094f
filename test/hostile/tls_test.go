//go:build linux

package hostile

import (
	"crypto/tls"
	"fmt"
	"io"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// clientHello is the beginning of a handshake, whose rest never comes.
const clientHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

// halfTLS opens connections that begin a handshake and do not end it, that end it
// without a certificate, and that speak something else.
func halfTLS(a *assault) {
	for _, m := range a.members {
		a.slowly(m.peer, of(200), clientHello)
		a.slowly(m.peer, of(50), "GET / HTTP/1.1\r\nX-Slow: ")
		a.times(attackers, func(int) {
			for !a.over() {
				c := a.dial(m.peer)
				if c == nil {
					continue
				}
				secured := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
				if secured.HandshakeContext(a.ctx) == nil {
					_, _ = fmt.Fprint(secured, "GET /raft/probing HTTP/1.1\r\nHost: localhost\r\n\r\n")
					_, _ = io.Copy(io.Discard, secured)
				}
				c.Close()
			}
		})
	}
}

// strangerID is the id in a certificate that the authority has signed for a
// stranger.
const strangerID = 9

// signedStrangers does with such a certificate what members do. No message of it is
// taken, and no stream is given.
func signedStrangers(a *assault) {
	host.Does(a, "cert", "init", "--dir", a.certs, "--cluster", clusterID, "--members", fmt.Sprintf("n%d=%d", strangerID, strangerID))
	stranger := &member{id: strangerID}
	taken := map[string]int{}
	for !a.over() {
		for _, to := range a.members {
			for _, kind := range []pb.MessageType{pb.MsgApp, pb.MsgVote, pb.MsgHeartbeat, pb.MsgTimeoutNow, pb.MsgPreVote} {
				m := a.trueMessage(kind, stranger, to)
				m.Term += 2
				if code := a.tell(stranger, to, m); code/100 == 2 {
					taken[fmt.Sprint("a ", kind)]++
				}
			}
			if code := a.get(stranger, to, fmt.Sprintf("/raft/stream/message/%x", strangerID)); code/100 == 2 {
				taken["a stream"]++
			}
			if code := a.tell(stranger, to, &pluginv1.Message{Type: uint32(pb.MsgSnap), From: strangerID, To: to.id, Term: 1}); code/100 == 2 {
				taken["a snapshot"]++
			}
		}
	}
	if len(taken) > 0 {
		a.Errorf("taken from a stranger: %v", taken)
	}
}
