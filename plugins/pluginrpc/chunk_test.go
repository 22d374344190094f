package pluginrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

func restoreParts(m *pluginv1.RestoreRequest) (chunk *[]byte, last *bool) { return &m.Chunk, &m.Done }

// received is a stream of encoded messages, which ends with err.
type received struct {
	messages []pluginv1.RestoreRequest
	err      error
}

func (s *received) RecvMsg(v any) error {
	if len(s.messages) == 0 {
		return s.err
	}
	b, err := s.messages[0].Marshal()
	s.messages = s.messages[1:]
	return errors.Join(err, v.(*pluginv1.RestoreRequest).Unmarshal(b))
}

func chunks(texts ...string) []pluginv1.RestoreRequest {
	var all []pluginv1.RestoreRequest
	for i, text := range texts {
		all = append(all, pluginv1.RestoreRequest{Chunk: []byte(text), Done: i == len(texts)-1})
	}
	return all
}

// Arriving bytes are read in both ways, and only a stream that came to its last
// message ends well.
func TestWhatArrivesInChunks(t *testing.T) {
	broken := errors.New("broken")
	cut := chunks("some", "more", "")[:2]
	for name, c := range map[string]struct {
		stream received
		want   string
		err    error
	}{
		"all in the first message":   {received{chunks("whole"), io.EOF}, "whole", nil},
		"nothing":                    {received{chunks(""), io.EOF}, "", nil},
		"empty ones between":         {received{chunks("", "a", "", "", "bc", ""), broken}, "abc", nil},
		"a short one after a long":   {received{chunks("12345678", "1"), io.EOF}, "123456781", nil},
		"ended before the last":      {received{cut, io.EOF}, "somemore", io.ErrUnexpectedEOF},
		"failed before the last":     {received{cut, broken}, "somemore", broken},
		"a chunk of a byte too much": {received{chunks("12345678", "123456789"), io.EOF}, "12345678", plugins.ErrLimit},
		"too much in the first":      {received{chunks("123456789"), io.EOF}, "", plugins.ErrLimit},
	} {
		reader := func() *ChunkReader {
			stream := c.stream
			first := stream.messages[0]
			first.Chunk = bytes.Clone(first.Chunk) // the reader takes its place for the next
			stream.messages = stream.messages[1:]
			return ReceiveChunks(&stream, &first, 8, restoreParts)
		}
		got, err := io.ReadAll(iotest.OneByteReader(reader()))
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: read %q, %v; want %q, %v", name, got, err, c.want, c.err)
		}
		var b bytes.Buffer
		r := reader()
		n, err := r.WriteTo(&b)
		if b.String() != c.want || int(n) != len(c.want) || !errors.Is(err, c.err) {
			t.Errorf("%s: written %q (%d), %v; want %q, %v", name, b.String(), n, err, c.want, c.err)
		}
		end := c.err
		if end == nil {
			end = io.EOF
		}
		if _, again := r.Read(make([]byte, 1)); !errors.Is(again, end) || !errors.Is(r.Err(), end) {
			t.Errorf("%s: after the end read says %v and Err %v, want %v", name, again, r.Err(), end)
		}
	}
}

// Only a last chunk ends a snapshot: an io.EOF from elsewhere, in whatever it is
// wrapped, has cut it off.
func TestAnEOFIsNotALastChunk(t *testing.T) {
	for _, eof := range []error{io.EOF, fmt.Errorf("receive: %w", io.EOF)} {
		cut := func() *ChunkReader { return NewChunkReader(func() ([]byte, bool, error) { return nil, false, eof }) }
		if _, err := io.ReadAll(cut()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v: read says %v", eof, err)
		}
		if _, err := cut().WriteTo(io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v: written with %v", eof, err)
		}
	}
}

func TestAReaderThatWasEndedReadsNoMore(t *testing.T) {
	r := NewChunkReader(func() ([]byte, bool, error) { return []byte("abc"), false, nil })
	if n, err := r.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	r.End(plugins.ErrClosed)
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("read %d, %v", n, err)
	}
	r.End(io.EOF)
	if !errors.Is(r.Err(), plugins.ErrClosed) {
		t.Errorf("the second end counts: %v", r.Err())
	}
}

// Bytes that a writer does not take are not lost without an error.
func TestAWriterThatTakesLess(t *testing.T) {
	r := NewChunkReader(func() ([]byte, bool, error) { return []byte("abc"), true, nil })
	if n, err := r.WriteTo(short{}); n != 1 || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%d, %v", n, err)
	}
}

type short struct{}

func (short) Write([]byte) (int, error) { return 1, nil }

func TestWhatArrivesIsWhatWasAnnounced(t *testing.T) {
	for name, c := range map[string]struct {
		announced Arriving
		chunks    []int
		add, end  bool // is refused
	}{
		"all":                {Arriving{Announced: 5}, []int{3, 2}, false, false},
		"a byte too few":     {Arriving{Announced: 5}, []int{3, 1}, false, true},
		"a byte too many":    {Arriving{Announced: 5}, []int{3, 3}, true, false},
		"none":               {Arriving{}, nil, false, false},
		"any of none":        {Arriving{}, []int{1}, true, false},
		"not announced":      {Arriving{AnyLength: true}, []int{3, 2}, false, false},
		"the largest number": {Arriving{Announced: math.MaxUint64}, []int{3, 2}, false, true},
		"a large chunk":      {Arriving{AnyLength: true}, []int{5}, true, false},
	} {
		a := c.announced
		a.MaxChunk = 4
		var err error
		for _, n := range c.chunks {
			err = a.Add(make([]byte, n))
		}
		if errors.Is(err, plugins.ErrBadAnswer) != c.add {
			t.Errorf("%s: add: %v", name, err)
		}
		if err == nil {
			if err := a.End(); errors.Is(err, plugins.ErrBadAnswer) != c.end {
				t.Errorf("%s: end: %v", name, err)
			}
		}
	}
}

// uploading is the stream of an upload, whose other end answers after some messages.
type uploading struct {
	grpc.ClientStream
	left int
	got  []pluginv1.RestoreRequest
	err  error
}

func (s *uploading) Send(m *pluginv1.RestoreRequest) error {
	if s.left--; s.left < 0 {
		return io.EOF
	}
	kept := *m
	kept.Chunk = bytes.Clone(m.Chunk)
	s.got = append(s.got, kept)
	return nil
}

func (s *uploading) CloseAndRecv() (*pluginv1.RestoreResponse, error) {
	return &pluginv1.RestoreResponse{AppliedIndex: 7}, s.err
}

func TestAnUploadIsWholeOrSaysSo(t *testing.T) {
	broken := errors.New("broken")
	upload := func(ctx context.Context, s *uploading, r io.Reader) (bool, error) {
		var opened context.Context
		method := func(ctx context.Context, _ ...grpc.CallOption) (grpc.ClientStreamingClient[pluginv1.RestoreRequest, pluginv1.RestoreResponse], error) {
			opened = ctx
			return s, nil
		}
		res, whole, err := Upload(ctx, &HostEnd{Table: NewTable()}, method, &pluginv1.RestoreRequest{Index: 7}, r, 4, restoreParts)
		if opened.Err() == nil {
			t.Error("the stream goes on")
		}
		if (err == nil) != (res != nil) {
			t.Errorf("answer %v with %v", res, err)
		}
		return whole, err
	}
	s := &uploading{left: 9}
	if whole, err := upload(t.Context(), s, strings.NewReader("abcdef")); !whole || err != nil {
		t.Errorf("all was taken: %t, %v", whole, err)
	}
	if len(s.got) != 3 || s.got[0].Index != 7 || string(s.got[1].Chunk) != "abcd" || s.got[1].Done || s.got[1].Index != 0 ||
		string(s.got[2].Chunk) != "ef" || !s.got[2].Done {
		t.Errorf("sent: %v", s.got)
	}
	for left := range 3 {
		if whole, err := upload(t.Context(), &uploading{left: left}, strings.NewReader("abcdef")); whole || err != nil {
			t.Errorf("answered after %d messages: %t, %v", left, whole, err)
		}
		if _, err := upload(t.Context(), &uploading{left: left, err: broken}, strings.NewReader("abcdef")); !errors.Is(err, broken) {
			t.Errorf("refused after %d messages: %v", left, err)
		}
	}
	s = &uploading{left: 9}
	if _, err := upload(t.Context(), s, io.MultiReader(strings.NewReader("abcd"), iotest.ErrReader(broken))); !errors.Is(err, broken) || len(s.got) != 2 {
		t.Errorf("a source that broke: %v after %d messages", err, len(s.got))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s = &uploading{left: 9}
	if _, err := upload(ctx, s, strings.NewReader("abc")); !errors.Is(err, context.Canceled) || len(s.got) != 1 {
		t.Errorf("a caller that gave up: %v after %d messages", err, len(s.got))
	}
}
