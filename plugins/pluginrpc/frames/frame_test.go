package frames

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// raw is a frame with whatever length its header claims.
func raw(length int, k kind, payload string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(length))
	return append(append(b, byte(k)), payload...)
}

func TestFramesArriveAsTheyWereSent(t *testing.T) {
	var wire bytes.Buffer
	out := frameWriter{w: &wire, maxMessage: 4 << 20}
	sizes := []int{0, 1, readBuffer - headerBytes, readBuffer, readBuffer + 1, 2 << 20, 3}
	for _, n := range sizes {
		if err := out.message(&pluginv1.AppendRequest{Entries: []pluginv1.Entry{{Data: bytes.Repeat([]byte{byte(n)}, n)}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.control("", kindEnd, nil); err != nil {
		t.Fatal(err)
	}
	in := newFrameReader(&wire, 4<<20)
	for _, n := range sizes {
		k, payload, err := in.next()
		var m pluginv1.AppendRequest
		if err != nil || k != kindMessage || m.Unmarshal(payload) != nil {
			t.Fatalf("message of %d bytes: kind %d, error %v", n, k, err)
		}
		if want := bytes.Repeat([]byte{byte(n)}, n); !bytes.Equal(m.Entries[0].Data, want) {
			t.Errorf("message of %d bytes arrived changed", n)
		}
	}
	if k, payload, err := in.next(); k != kindEnd || len(payload) != 0 || err != nil {
		t.Errorf("end: kind %d with %d bytes, error %v", k, len(payload), err)
	}
	if _, _, err := in.next(); err != io.EOF {
		t.Errorf("after the last frame: %v", err)
	}
}

func TestFramesThatAreRefused(t *testing.T) {
	const most = 100
	for _, c := range []struct {
		name string
		wire []byte
		want error
	}{
		{"kind zero", raw(0, 0, ""), errMalformed},
		{"unknown kind", raw(0, 5, ""), errMalformed},
		{"message over the limit", raw(most+1, kindMessage, ""), errTooLarge},
		{"length of all ones", raw(-1, kindMessage, ""), errTooLarge},
		{"open over the limit", raw(maxControl+1, kindOpen, ""), errTooLarge},
		{"status over the limit", raw(maxControl+1, kindStatus, ""), errTooLarge},
		{"end with a payload", raw(1, kindEnd, "x"), errTooLarge},
		{"nothing", nil, io.EOF},
		{"half a header", []byte{0, 0}, io.ErrUnexpectedEOF},
		{"header alone", raw(7, kindMessage, ""), io.ErrUnexpectedEOF},
		{"half a payload", raw(7, kindMessage, "abc"), io.ErrUnexpectedEOF},
	} {
		in := newFrameReader(bytes.NewReader(c.wire), most)
		if k, payload, err := in.next(); !errors.Is(err, c.want) {
			t.Errorf("%s: kind %d with %d bytes, error %v; expected %v", c.name, k, len(payload), err, c.want)
		}
	}
}

// A length is checked before memory is taken for it: the longest claim costs
// no more than the reader itself.
func TestNothingIsAllocatedForALengthOverTheLimit(t *testing.T) {
	wire := raw(-1, kindMessage, "")
	source := bytes.NewReader(wire)
	in := newFrameReader(source, 64<<20)
	if n := testing.AllocsPerRun(100, func() {
		source.Reset(wire)
		in.r.Reset(source)
		_, _, _ = in.next()
	}); n > 10 {
		t.Errorf("%v allocations", n)
	}
	if in.kept != nil {
		t.Errorf("%d bytes were allocated", cap(in.kept))
	}
}

// One large message must not cost its memory for the life of the stream.
func TestLargeBuffersAreNotKept(t *testing.T) {
	var wire bytes.Buffer
	out := frameWriter{w: &wire, maxMessage: 8 << 20}
	for _, n := range []int{4 << 20, 10} {
		if err := out.message(&pluginv1.AppendRequest{Entries: []pluginv1.Entry{{Data: make([]byte, n)}}}); err != nil {
			t.Fatal(err)
		}
		if cap(out.kept) > maxKept {
			t.Errorf("the writer keeps %d bytes after a message of %d", cap(out.kept), n)
		}
	}
	in := newFrameReader(&wire, 8<<20)
	for range 2 {
		if _, _, err := in.next(); err != nil {
			t.Fatal(err)
		}
	}
	if cap(in.kept) > maxKept {
		t.Errorf("the reader keeps %d bytes", cap(in.kept))
	}
}

func TestAWriterRefusesWhatTheReaderWould(t *testing.T) {
	var wire bytes.Buffer
	out := frameWriter{w: &wire, maxMessage: 10}
	err := out.message(&pluginv1.AppendRequest{Entries: []pluginv1.Entry{{Data: make([]byte, 10)}}})
	if !errors.Is(err, errTooLarge) || wire.Len() > 0 {
		t.Errorf("error %v, %d bytes written", err, wire.Len())
	}
}

// FuzzReader feeds a reader with anything: it ends with an error, and never
// hands out more than the limit.
func FuzzReader(f *testing.F) {
	f.Add(raw(3, kindMessage, "abc"))
	f.Add(append(raw(2, kindOpen, "/x"), raw(0, kindEnd, "")...))
	f.Add(raw(-1, kindStatus, "abc"))
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, wire []byte) {
		const most = 1000
		in := newFrameReader(bytes.NewReader(wire), most)
		for {
			k, payload, err := in.next()
			if err != nil {
				return
			}
			if k == kindMessage && len(payload) > most || len(payload) > maxControl {
				t.Fatalf("kind %d with %d bytes", k, len(payload))
			}
		}
	})
}
