package pluginrpc

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// split cuts b into buffers as they come from a connection.
func split(b []byte, size int) mem.BufferSlice {
	var s mem.BufferSlice
	for len(b) > 0 {
		n := min(len(b), size)
		s = append(s, mem.SliceBuffer(b[:n]))
		b = b[n:]
	}
	return s
}

func TestCodecCarriesMessagesOfAllSizes(t *testing.T) {
	c := Codec()
	for _, n := range []int{0, 1, 900, 1100, 100_000, 3 << 20} {
		m := &pluginv1.AppendRequest{Call: call(1, 2), Seq: 3, Entries: []pluginv1.Entry{{Term: 1, Index: 4, Data: bytes.Repeat([]byte{7}, n)}}}
		out, err := c.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		flat := out.Materialize()
		out.Free()
		for _, size := range []int{len(flat), 16 << 10} {
			var got pluginv1.AppendRequest
			if err := c.Unmarshal(split(flat, size), &got); err != nil {
				t.Fatal(err)
			}
			if got.Seq != 3 || got.Call != m.Call || !bytes.Equal(got.Entries[0].Data, m.Entries[0].Data) {
				t.Errorf("%d bytes in pieces of %d arrived changed", n, size)
			}
		}
	}
}

func TestWhatWasDecodedDoesNotChangeWithTheBuffer(t *testing.T) {
	c := Codec()
	m := &pluginv1.RaftInbound{Envelopes: []pluginv1.Envelope{{To: 1, From: 2, Payload: []byte("payload")}}}
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var got pluginv1.RaftInbound
	if err := c.Unmarshal(split(b, len(b)), &got); err != nil {
		t.Fatal(err)
	}
	clear(b) // gRPC recycles its buffers
	if !reflect.DeepEqual(&got, m) {
		t.Errorf("decoded message became %v", &got)
	}
}

func TestCodecLeavesOtherMessagesToGRPC(t *testing.T) {
	c := Codec()
	out, err := c.Marshal(&grpc_health_v1.HealthCheckRequest{Service: "plugin"})
	if err != nil {
		t.Fatal(err)
	}
	var got grpc_health_v1.HealthCheckRequest
	if err := c.Unmarshal(out, &got); err != nil || got.Service != "plugin" {
		t.Errorf("got %v, error %v", &got, err)
	}
	if _, err := c.Marshal("no message"); err == nil {
		t.Error("a string was encoded")
	}
}

func TestGarbageIsAnError(t *testing.T) {
	var m pluginv1.AppendRequest
	if err := Codec().Unmarshal(split([]byte("\xff\xff\xff garbage"), 4), &m); err == nil {
		t.Error("garbage was decoded")
	}
}

func TestAChunkIsFilledAsFarAsThereAreBytes(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name string
		r    io.Reader
		n    int
		last bool
		err  error
	}{
		{"more than a chunk", strings.NewReader("0123456789"), 8, false, nil},
		{"less", strings.NewReader("012"), 3, true, nil},
		{"nothing", strings.NewReader(""), 0, true, nil},
		{"byte by byte", iotest.OneByteReader(strings.NewReader("01234")), 5, true, nil},
		{"last bytes together with the end", iotest.DataErrReader(strings.NewReader("01234567")), 8, false, nil},
		{"failure", io.MultiReader(strings.NewReader("012"), iotest.ErrReader(broken)), 3, false, broken},
		{"a source that was cut off", io.MultiReader(strings.NewReader("012"), iotest.ErrReader(io.ErrUnexpectedEOF)), 3, false, io.ErrUnexpectedEOF},
		{"no progress", idle{}, 0, false, io.ErrNoProgress},
	} {
		n, last, err := readChunk(c.r, make([]byte, 8))
		if n != c.n || !errors.Is(err, c.err) || c.name != "last bytes together with the end" && last != c.last {
			t.Errorf("%s: %d bytes, last %t, error %v; expected %d, %t, %v", c.name, n, last, err, c.n, c.last, c.err)
		}
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }
