package pluginrecord

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"reflect"
	"testing"
	"time"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// framed is an event as a file has it, with the right length and the right checksum.
func framed(body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(body, checksum()))
	return append(b, body...)
}

func encoded(e *Event) []byte { return append(e.appendHead(nil), e.Message...) }

// FuzzReader reads files that were made up, once as they are and once as an event with a right checksum
// after a header. An event that was read is written and read alike.
func FuzzReader(f *testing.F) {
	header := encoded(&Event{Kind: Header, Time: time.Unix(0, 1), Series: 1, Number: 1, Plugin: "storage", Host: "1"})
	full := Event{
		Kind: Status, Time: time.Unix(0, 5), Life: 1, Call: 2, Method: "/a/B", Continued: true, Count: 3,
		Name: "n", Version: "v", PID: 4, Series: 5, Number: 6, Plugin: "p", Host: "h", Message: []byte("m"),
	}
	f.Add(encoded(&full))
	f.Add([]byte{8, 6})
	f.Add(append([]byte(magic), framed(header)...))
	f.Add([]byte(magic + "\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		readAll(t, b)
		if len(b) > 0 {
			readAll(t, append(append([]byte(magic), framed(header)...), framed(b)...))
		}
	})
}

func readAll(t *testing.T, b []byte) {
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		if !errors.Is(err, ErrNoRecord) && !errors.Is(err, ErrCut) && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		return
	}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, ErrCut) || errors.Is(err, ErrDamaged) {
			return
		}
		if err != nil || r.Offset() > int64(len(b)) {
			t.Fatalf("%v at %d of %d bytes", err, r.Offset(), len(b))
		}
		again, err := decode(encoded(&e))
		if err != nil || !same(&again, &e) {
			t.Fatalf("%+v became %+v, error %v", e, again, err)
		}
		if n := int64(len(encoded(&e))); n+frameBytes > e.size() {
			t.Fatalf("an event of %d bytes was taken for %d", n, e.size())
		}
	}
}

// same compares events; no message and an empty one are the same.
func same(a, b *Event) bool {
	x, y := *a, *b
	x.Message, y.Message = nil, nil
	x.Time, y.Time = time.Time{}, time.Time{}
	return reflect.DeepEqual(x, y) && bytes.Equal(a.Message, b.Message) && a.Time.UnixNano() == b.Time.UnixNano()
}
