//go:build linux

package hostile

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"

	"github.com/quic-go/quic-go"
	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/node/nodetest"
)

// quicGarbage sends datagrams of anything, half of which begin as those of QUIC do.
func quicGarbage(a *assault) {
	var sent atomic.Int64
	a.times(attackers, func(i int) {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			a.Error(err)
			return
		}
		defer socket.Close()
		for n := 0; !a.over(); n++ {
			b := make([]byte, random.IntN(1500))
			for at := 0; at+8 <= len(b); at += 8 {
				binary.BigEndian.PutUint64(b[at:], random.Uint64())
			}
			if len(b) > 20 && n%2 == 0 {
				b[0] |= 0xc0 // a long header of version 1
				binary.BigEndian.PutUint32(b[1:], 1)
				b[5] = 8
			}
			_, _ = socket.WriteToUDP(b, udp(a.members[n%len(a.members)].peer))
			sent.Add(1)
		}
	})
	a.wg.Wait()
	a.Logf("%d datagrams", sent.Load())
}

// quicInitials sends the first packets of connections that do not go on, each to all
// members.
func quicInitials(a *assault) {
	var sent atomic.Int64
	a.times(attackers, func(int) {
		sink, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		from := a.quicSocket()
		if err != nil || from == nil {
			a.Error(err)
			return
		}
		defer sink.Close()
		context.AfterFunc(a.ctx, func() { sink.Close() })
		packet := make([]byte, 2048)
		for !a.over() {
			ctx, cancel := context.WithCancel(a.ctx)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = from.Dial(ctx, sink.LocalAddr(), a.quicIdentity(nil), &quic.Config{})
			}()
			if size, err := sink.Read(packet); err == nil {
				for _, m := range a.members {
					_, _ = sink.WriteToUDP(packet[:size], udp(m.peer))
					sent.Add(1)
				}
			}
			cancel()
			<-done
		}
	})
	a.wg.Wait()
	a.Logf("%d first packets", sent.Load())
}

// quicSilent makes handshakes and says nothing then, or half of what comes first.
func quicSilent(a *assault) {
	for _, m := range a.members {
		hello := helloOf(a.others(m)[0].id, m.id, 0, false)
		for _, say := range [][]byte{nil, hello[:1], hello[:len(hello)/2], {streamGreeting, 0xff, 0xff, 0xff, 0xff}} {
			a.times(of(25), func(int) {
				from := a.quicSocket()
				for from != nil && !a.over() {
					conn := a.dialQUIC(from, a.others(m)[0], m.peer)
					if conn == nil {
						continue
					}
					if stream, err := conn.OpenStream(); err == nil && say != nil {
						_, _ = stream.Write(say)
					}
					<-conn.Context().Done()
				}
			})
		}
	}
}

// quicLies says in the name of one member that terms have come near their end, and
// sends bytes that are not a message.
func quicLies(a *assault) { a.quicForged(a.others(a.leader)[:1], a.endlessTerms) }

// quicLiesOfAll says so in the name of every member.
func quicLiesOfAll(a *assault) { a.quicForged(a.members, a.endlessTerms) }

// quicCommits says in the name of the leader that more is committed than there is.
func quicCommits(a *assault) {
	a.quicForged([]*member{a.leader}, func(_ int, liar, to *member) []byte {
		beat, entries := a.trueMessage(pb.MsgHeartbeat, liar, to), a.trueMessage(pb.MsgApp, liar, to)
		beat.Commit += 1000
		entries.Commit += 1000
		return append(messageFrame(beat), messageFrame(entries)...)
	})
}

// quicForged takes the places of members, one connection after the other, and sends
// frames on each.
func (a *assault) quicForged(liars []*member, frames func(n int, liar, to *member) []byte) {
	welcome, answers := 0, map[byte]int{}
	from := a.quicSocket()
	stores := map[*member]uint64{}
	for _, m := range liars {
		stores[m] = a.storeOverQUIC(from, m, a.others(m)[0])
	}
	for n := 0; !a.over(); n++ {
		liar := liars[n%len(liars)]
		for _, to := range a.others(liar) {
			conn := a.dialQUIC(from, liar, to.peer)
			if conn == nil {
				continue
			}
			code, _, err := greetQUIC(conn, helloOf(liar.id, to.id, stores[liar], true))
			if err == nil {
				answers[code]++
			}
			if stream, openErr := conn.OpenUniStream(); err == nil && code == answerWelcome && openErr == nil {
				welcome++
				_, _ = stream.Write(append([]byte{streamControl}, frames(n, liar, to)...))
				a.wait(drip)
			}
			_ = conn.CloseWithError(0, "")
		}
	}
	if welcome == 0 {
		a.Errorf("no message was sent: the answers were %v", answers)
	}
	a.Logf("%d connections with lies; the answers were %v", welcome, answers)
}

// endlessTerms are messages of most types with such a term, and at last what ends the
// connection.
func (a *assault) endlessTerms(n int, liar, to *member) (b []byte) {
	for _, kind := range nodetest.Types() {
		m := a.trueMessage(kind, liar, to)
		m.Term = 1<<63 - 1
		if !cannotBeChecked(kind, m) && kind != pb.MsgSnap {
			b = append(b, messageFrame(m)...)
		}
	}
	switch n % 4 {
	case 0:
		return append(b, tagMessage, 0xff, 0xff, 0xff, 0xff)
	case 1:
		return append(b, tagMessage, 0, 0, 0, 1, 0xff)
	case 2:
		return append(b, messageFrame(a.trueMessage(pb.MsgSnap, liar, to))...)
	}
	return append(b, messageFrame(&pluginv1.Message{Type: uint32(pb.MsgHeartbeat), From: strangerID, To: to.id, Term: 1})...)
}

// quicStrangers come with a certificate that the authority has signed for a stranger.
// None is welcome, in its own name or in that of a member.
func quicStrangers(a *assault) {
	host.Does(a, "cert", "init", "--dir", a.certs, "--cluster", clusterID, "--members", fmt.Sprintf("n%d=%d", strangerID, strangerID))
	stranger := &member{id: strangerID}
	from := a.quicSocket()
	answers := map[byte]int{}
	for !a.over() {
		for _, to := range a.members {
			for _, id := range []uint64{strangerID, a.others(to)[0].id} {
				conn := a.dialQUIC(from, stranger, to.peer)
				if conn == nil {
					continue
				}
				if code, _, err := greetQUIC(conn, helloOf(id, to.id, 0, true)); err == nil {
					answers[code]++
				}
				_ = conn.CloseWithError(0, "")
			}
		}
	}
	if answers[answerWelcome] > 0 || len(answers) == 0 {
		a.Errorf("the answers to a stranger were %v", answers)
	}
}
