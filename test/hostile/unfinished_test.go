//go:build linux

package hostile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// largest is a little less than the largest message that a client's call, a body of
// JSON, or a member's message may be.
const (
	largestCall   = 15 << 20
	largestBody   = 2 << 20
	largestOfPeer = 30 << 20
)

// unfinishedBodies sends bodies of JSON but for their last bytes.
func unfinishedBodies(a *assault) {
	begin := fmt.Sprintf("POST /v1/propose HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", largestBody+1000)
	a.slowly(a.leader.client, of(400), begin+`{"data":"`+string(bytes.Repeat([]byte("A"), largestBody)))
}

// unfinishedPeerMessages sends messages in the name of a member but for their last
// bytes.
func unfinishedPeerMessages(a *assault) {
	from := a.others(a.leader)[0]
	length := string(binary.BigEndian.AppendUint64(nil, largestOfPeer+50_000))
	for path, frame := range map[string]string{"/raft": "", "/raft/snapshot": length, "/raft/snapshot/7": length} {
		begin := a.requestOf(from, a.leader, "POST", path) + fmt.Sprintf("Content-Length: %d\r\n\r\n", largestOfPeer+100_000) + frame
		a.slowly(a.leader.peer, of(20), begin+string(make([]byte, largestOfPeer)))
	}
}

// unfinishedCalls begins calls whose messages come but for their last bytes.
func unfinishedCalls(a *assault) {
	a.times(of(80), func(int) {
		c := a.dial(a.leader.client)
		if c == nil {
			return
		}
		w := newWindowed(c)
		begin := appendFrame([]byte(h2Preface), frameSettings, 0, 0, nil)
		begin = appendFrame(begin, frameHeaders, flagEndHeaders, 1, callOf("/pontoon.host.v1.Host/Propose"))
		if _, err := c.Write(begin); err != nil {
			return
		}
		message := binary.BigEndian.AppendUint32([]byte{0}, largestCall)
		_ = w.send(append(message, make([]byte, largestCall-1)...))
		<-a.ctx.Done()
	})
}

// A windowed sender of one stream keeps to the windows that the other end gives.
type windowed struct {
	conn net.Conn

	mu            sync.Mutex
	more          *sync.Cond
	stream, whole int // bytes that may be sent
	ended         error
}

const firstWindow = 65535

func newWindowed(c net.Conn) *windowed {
	w := &windowed{conn: c, stream: firstWindow, whole: firstWindow}
	w.more = sync.NewCond(&w.mu)
	go w.read()
	return w
}

// read takes what the other end says of windows.
func (w *windowed) read() {
	head := make([]byte, 9)
	for {
		_, err := io.ReadFull(w.conn, head)
		body := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if err == nil {
			_, err = io.ReadFull(w.conn, body)
		}
		w.mu.Lock()
		w.ended = err
		switch {
		case err != nil:
		case head[3] == frameWindow && binary.BigEndian.Uint32(head[5:]) == 0:
			w.whole += int(binary.BigEndian.Uint32(body))
		case head[3] == frameWindow:
			w.stream += int(binary.BigEndian.Uint32(body))
		case head[3] == frameSettings:
			for ; len(body) >= 6; body = body[6:] {
				if binary.BigEndian.Uint16(body) == settingWindow {
					w.stream += int(binary.BigEndian.Uint32(body[2:])) - firstWindow
				}
			}
		case head[3] == frameReset || head[3] == frameGoAway:
			w.ended = errors.New("the other end has had enough")
		}
		w.more.Broadcast()
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// send sends data on stream 1.
func (w *windowed) send(data []byte) error {
	for len(data) > 0 {
		w.mu.Lock()
		for w.ended == nil && (w.stream <= 0 || w.whole <= 0) {
			w.more.Wait()
		}
		n, err := min(len(data), w.stream, w.whole, 16<<10), w.ended
		w.stream -= n
		w.whole -= n
		w.mu.Unlock()
		if err != nil {
			return err
		}
		if _, err := w.conn.Write(appendFrame(nil, frameData, 0, 1, data[:n])); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// unreadAnswers asks for as much of the state as an answer may have, over and over,
// on streams that may not be answered yet.
func unreadAnswers(a *assault) { a.askInVain(8, 100<<10, 8, of(1000), of(1000)) }

// smallUnreadAnswers asks for small answers, on as many streams as there may be, and no
// faster than they are made: hardly any is refused.
func smallUnreadAnswers(a *assault) { a.askInVain(1, 40<<10, 20, 500, 10) }

// askInVain asks for so many values of a size, often on each of several connections, with
// a pause after some.
func (a *assault) askInVain(values, size, connections, often, some int) {
	prefix := fmt.Sprintf("large/%d/", size)
	for i := range values {
		value := kv.EncodePut(fmt.Append(nil, prefix, i), make([]byte, size))
		if err := a.leader.propose(value); err != nil {
			a.Fatal(err)
		}
	}
	query, err := proto.Marshal(&hostv1.QueryRequest{
		Data:        kv.EncodeRange(kv.Range{Key: []byte(prefix), End: []byte(prefix[:len(prefix)-1] + "0")}),
		Consistency: hostv1.Consistency_CONSISTENCY_STALE,
	})
	if err != nil {
		a.Fatal(err)
	}
	message := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(query))), query...)
	headers := callOf("/pontoon.host.v1.Host/Query")
	for range connections {
		c := a.dial(a.leader.client)
		if c == nil {
			continue
		}
		a.wg.Go(func() {
			b := appendFrame([]byte(h2Preface), frameSettings, 0, 0, []byte{0, settingWindow, 0, 0, 0, 0})
			for i := range uint32(often) {
				b = appendFrame(b, frameHeaders, flagEndHeaders, 2*i+1, headers)
				b = appendFrame(b, frameData, flagEndStream, 2*i+1, message)
				if int(i+1)%some == 0 {
					_, _ = c.Write(b)
					b = nil
					a.wait(drip)
				}
			}
			_, _ = c.Write(b)
			_, _ = io.Copy(io.Discard, c)
		})
	}
	<-a.ctx.Done()
}
