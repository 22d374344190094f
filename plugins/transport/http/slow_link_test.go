package httptransport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// largeAppend is a MsgApp from 1 to 2 with one entry.
func largeAppend(t *testing.T, size int) transport.Envelope {
	return transport.Envelope{
		Group: 1, To: 2, From: 1, Class: pluginv1.MessageClass_CLASS_APPEND,
		Payload: encode(t, pluginv1.Message{
			Type: raftmsg.TypeApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: 5,
			Entries: []pluginv1.Entry{{Term: 1, Index: 6, Data: make([]byte, size)}},
		}),
	}
}

// meter is a connection that lets so many bytes in a second be read.
type meter struct {
	net.Conn
	rate int
}

func (m meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p[:min(len(p), m.rate/8)])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(m.rate)) // of the bubble
	return n, err
}

// With default timing the append stream carries two values of the largest size
// over 2 MiB in a second, and the largest message of all over 256 KiB, with TLS too:
// that has no connection any more after a write that was late.
func TestAppendStreamOverASlowLink(t *testing.T) {
	largest := wire.MessageLimit(plugins.ProtocolLimits(0, 0))
	certificate := peertlstest.New(t).Certificate(t, named(1), nil)
	for _, c := range []struct {
		rate     int
		payloads []int
		secured  bool
	}{
		{2 << 20, []int{plugins.MaxValueBytes, plugins.MaxValueBytes}, false},
		{256 << 10, []int{largest - 64}, false},
		{256 << 10, []int{largest - 64}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			far = meter{far, c.rate}
			if c.secured {
				near, far = tls.Server(near, showing(certificate)), tls.Client(far, showing(tls.Certificate{}))
			}
			link := newTiming(time.Second).Link
			out := newChunks(near, link)
			wrote := make(chan error, 1)
			go func() {
				encoder := msgappEncoder{link: raftmsg.Link{From: 1, To: 2}}
				for _, size := range c.payloads {
					payload := largeAppend(t, size).Payload
					head, _, err := encoder.header(make([]byte, chunkRoom), payload)
					if err == nil {
						err = out.write(head)
					}
					if err == nil {
						err = out.writeDirect(payload)
					}
					if err != nil {
						wrote <- err
						return
					}
				}
				wrote <- nil
			}()
			in := newIdleConn(far, link, link)
			frames := &msgappDecoder{
				r: bufio.NewReader(httputil.NewChunkedReader(in)), limit: largest, link: raftmsg.Link{From: 1, To: 2},
			}
			started := time.Now()
			for _, size := range c.payloads {
				payload, _, err := frames.next()
				if err != nil || len(payload) < size {
					t.Fatalf("%d bytes at %d in a second: %d arrived after %v: %v", size, c.rate, len(payload), time.Since(started), err)
				}
			}
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				_, _ = io.Copy(io.Discard, far) // the end of the last chunk
			}()
			if err := <-wrote; err != nil {
				t.Error(err)
			}
			_, _ = near.Close(), far.Close()
			<-drained
		})
	}
}

// A message that takes many times as long as a link may be silent arrives, by
// stream and by POST, and over the network as it is: nothing is reported as lost.
func TestLargeAppendsOverASlowLink(t *testing.T) {
	for _, through := range []string{"stream", "post"} {
		t.Run(through, func(t *testing.T) {
			open := func(node uint64, h transport.Handler) (*opened, string) {
				tr := New(backend.Env{}).(*opened)
				tr.Timing = func(time.Duration) timing {
					q := quick(0)
					q.Dial = q.Link // or a POST would have a second more
					return q
				}
				o := testOptions(node, "")
				o.Limits = plugins.ProtocolLimits(0, 0)
				address, err := tr.Open(context.Background(), o, h)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = tr.Close(context.Background()) })
				return tr, address
			}
			atOne, atTwo := newEvents(), newEvents()
			two, addressTwo := open(2, atTwo)
			one, addressOne := open(1, atOne)
			toOne, toTwo := transporttest.NewRelay(t, addressOne), transporttest.NewRelay(t, addressTwo)
			connect(t, two, 1, "http://"+toOne.Address())
			connect(t, one, 2, "http://"+toTwo.Address())
			if through == "stream" {
				waitWriter(t, one, 2, appendStream)
				waitWriter(t, one, 2, messageStream)
			}
			toOne.Throttle(16 << 20)
			toTwo.Throttle(16 << 20)
			e := largeAppend(t, plugins.MaxValueBytes)
			if through == "stream" {
				if err := one.Send(context.Background(), []transport.Envelope{e}); err != nil {
					t.Fatal(err)
				}
			} else if err := endpointOf(one).Roster.Named()[2].pipeline.post(e.Payload); err != nil {
				t.Fatal(err)
			}
			next(t, "the append", atTwo.arrived)
			for len(atOne.notified) > 0 {
				if event := <-atOne.notified; event.Type == pluginv1.EventType_EVENT_UNREACHABLE {
					t.Errorf("reported: %s", event.Detail)
				}
			}
		})
	}
}

// A POST is waited for as long as its size says, at a step for each time that a
// link may be silent: one whose sender trickles ends.
func TestPostThatTricklesIsGivenUp(t *testing.T) {
	url, s := server(t, "")
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request, err := http.NewRequest(http.MethodPost, url+"/raft", bytes.NewReader(make([]byte, 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	identity{node: 2, cluster: testCluster}.mark(request.Header, 1)
	var head bytes.Buffer
	if err := request.Write(&head); err != nil {
		t.Fatal(err)
	}
	sent := head.Bytes()
	end := bytes.Index(sent, []byte("\r\n\r\n")) + 4
	if _, err := conn.Write(sent[:end]); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		response, err := http.ReadResponse(bufio.NewReader(conn), request)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
		}
		answered <- err
	}()
	tick := time.NewTicker(quick(0).Link / 10)
	defer tick.Stop()
	for given := time.After(20 * time.Second); ; {
		select {
		case <-answered:
			if len(s.arrived) > 0 {
				t.Error("half a message was delivered")
			}
			return
		case <-tick.C:
			_, _ = conn.Write(sent[end : end+1])
		case <-given:
			t.Fatal("a POST that trickles is still waited for")
		}
	}
}
