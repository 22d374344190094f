//go:build linux

package hostile

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// Parts of docs/formats/quic.md, as far as attackers need them.
const (
	quicProtocol = "pontoon-raft"

	streamGreeting, streamControl, tagMessage = 0, 1, 1

	answerWelcome  = 0
	answerStoreAt  = 1 + 2 + 5*8 // of the length of the text before it
	helloInsists   = 1
	quicPatience   = time.Second
	greetingLength = 3 * 8
)

// quicSocket has a port of its own until the attack ends.
func (a *assault) quicSocket() *quic.Transport {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		a.Error(err)
		return nil
	}
	context.AfterFunc(a.ctx, func() { socket.Close() })
	return &quic.Transport{Conn: socket}
}

func udp(address string) *net.UDPAddr {
	to, _ := net.ResolveUDPAddr("udp", address)
	return to
}

// quicIdentity is what a caller in the name of a member shows.
func (a *assault) quicIdentity(as *member) *tls.Config {
	config := &tls.Config{InsecureSkipVerify: true}
	if a.secured && as != nil {
		config = a.certificateOf(as)
	}
	config.NextProtos = []string{quicProtocol}
	return config
}

// dialQUIC makes the handshake in the name of a member; nil if there is no
// connection to be had.
func (a *assault) dialQUIC(from *quic.Transport, as *member, address string) *quic.Conn {
	ctx, cancel := context.WithTimeout(a.ctx, quicPatience)
	defer cancel()
	conn, err := from.Dial(ctx, udp(address), a.quicIdentity(as), &quic.Config{})
	if err != nil {
		a.wait(10 * time.Millisecond)
		return nil
	}
	context.AfterFunc(a.ctx, func() { _ = conn.CloseWithError(0, "") })
	return conn
}

// helloOf is the first stream of one member's connection to another. A caller that
// insists takes the place of the connection that there is.
func helloOf(from, to, store uint64, insists bool) []byte {
	cluster, _ := strconv.ParseUint(clusterID, 16, 64)
	b := binary.BigEndian.AppendUint32(nil, 1<<16|1) // versions
	for _, n := range []uint64{cluster, from, to, 1 << 40} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	flags := byte(0)
	if insists {
		flags = helloInsists
	}
	b = append(b, flags, 0)
	b = binary.BigEndian.AppendUint64(b, store)
	b = append(b, make([]byte, 3*8)...) // number, founding, expected store
	return append(binary.BigEndian.AppendUint32([]byte{streamGreeting}, uint32(len(b))), b...)
}

// greetQUIC says hello and returns the answer's code, and the store of a member that
// tells it.
func greetQUIC(conn *quic.Conn, hello []byte) (code byte, store uint64, err error) {
	stream, err := conn.OpenStream()
	if err != nil {
		return 0, 0, err
	}
	defer stream.Close()
	_ = stream.SetDeadline(time.Now().Add(quicPatience))
	if _, err := stream.Write(hello); err != nil {
		return 0, 0, err
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(stream, head); err != nil {
		return 0, 0, err
	}
	answer := make([]byte, min(binary.BigEndian.Uint32(head), 8<<10))
	if _, err := io.ReadFull(stream, answer); err != nil {
		return 0, 0, err
	}
	if len(answer) < answerStoreAt+2 {
		return 0, 0, fmt.Errorf("an answer of %d bytes", len(answer))
	}
	at := answerStoreAt + 2 + int(binary.BigEndian.Uint16(answer[answerStoreAt:]))
	if len(answer) >= at+greetingLength {
		store = binary.BigEndian.Uint64(answer[at:])
	}
	return answer[0], store, nil
}

// storeOverQUIC is the store of a member, which tells it to a caller in the name of
// another one.
func (a *assault) storeOverQUIC(from *quic.Transport, m, asker *member) uint64 {
	conn := a.dialQUIC(from, asker, m.peer)
	if conn == nil {
		return 0
	}
	defer func() { _ = conn.CloseWithError(0, "") }()
	_, store, err := greetQUIC(conn, helloOf(asker.id, m.id, 0, false))
	if err != nil {
		a.Logf("ask member %d for its store: %v", m.id, err)
	}
	return store
}

// messageFrame is a message on a stream of them.
func messageFrame(m *pluginv1.Message) []byte {
	body, err := m.Marshal()
	if err != nil {
		return nil
	}
	var b bytes.Buffer
	b.WriteByte(tagMessage)
	_ = binary.Write(&b, binary.BigEndian, uint32(len(body)))
	b.Write(body)
	return b.Bytes()
}
