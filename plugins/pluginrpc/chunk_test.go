package pluginrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

func restoreParts(m *pluginv1.RestoreRequest) (header bool, chunk *[]byte, end **pluginv1.StreamEnd) {
	return m.Header != nil, &m.Chunk, &m.End
}

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

func header() pluginv1.RestoreRequest {
	return pluginv1.RestoreRequest{Header: &pluginv1.RestoreHeader{Index: 7}}
}

// chunks are a header, chunks of these texts, and their end.
func chunks(texts ...string) []pluginv1.RestoreRequest {
	all := []pluginv1.RestoreRequest{header()}
	var sum Sum
	for _, text := range texts {
		sum.Add([]byte(text))
		all = append(all, pluginv1.RestoreRequest{Chunk: []byte(text)})
	}
	return append(all, pluginv1.RestoreRequest{End: sum.End()})
}

// Bytes that arrive are read in both ways, and only a stream that came to its end mark
// ends well.
// Rules P-41 and P-42.
func TestWhatArrivesInChunks(t *testing.T) {
	broken := errors.New("broken")
	cut := chunks("some", "more")[:3]
	for name, c := range map[string]struct {
		stream received
		want   string
		err    error
	}{
		"one":                        {received{chunks("whole"), io.EOF}, "whole", nil},
		"none":                       {received{chunks(), io.EOF}, "", nil},
		"empty ones between":         {received{chunks("", "a", "", "", "bc", ""), broken}, "abc", nil},
		"a short one after a long":   {received{chunks("12345678", "1"), io.EOF}, "123456781", nil},
		"ended before the end mark":  {received{cut, io.EOF}, "somemore", io.ErrUnexpectedEOF},
		"failed before the end mark": {received{cut, broken}, "somemore", broken},
		"a chunk of a byte too much": {received{chunks("12345678", "123456789"), io.EOF}, "12345678", plugins.ErrLimit},
		"too much in the first":      {received{chunks("123456789"), io.EOF}, "", plugins.ErrLimit},
		"a header between":           {received{append(cut, header()), io.EOF}, "somemore", plugins.ErrInvalidArgument},
	} {
		reader := func() *ChunkReader {
			stream := c.stream
			var first pluginv1.RestoreRequest
			if err := stream.RecvMsg(&first); err != nil {
				t.Fatal(err)
			}
			in, err := ReceiveChunks(&stream, &first, 8, restoreParts)
			if err != nil {
				t.Fatal(err)
			}
			return in.Reader()
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

// A stream begins with its header, at either end.
func TestAStreamWithoutAHeader(t *testing.T) {
	for name, first := range map[string]pluginv1.RestoreRequest{
		"nothing":              {},
		"a chunk":              {Chunk: []byte("x")},
		"an end":               {End: &pluginv1.StreamEnd{}},
		"a header and a chunk": {Header: &pluginv1.RestoreHeader{}, Chunk: []byte("x")},
		"a header and an end":  {Header: &pluginv1.RestoreHeader{}, End: &pluginv1.StreamEnd{}},
	} {
		stream := &received{messages: []pluginv1.RestoreRequest{first}, err: io.EOF}
		if _, err := ReceiveChunks(stream, &first, 8, restoreParts); !errors.Is(err, plugins.ErrInvalidArgument) {
			t.Errorf("%s, from a host: %v", name, err)
		}
		if _, err := Arriving(t.Context(), NewTable(), stream, 8, restoreParts).Header(); !errors.Is(err, plugins.ErrBadAnswer) {
			t.Errorf("%s, from a plugin: %v", name, err)
		}
	}
	if _, err := Arriving(t.Context(), NewTable(), &received{err: io.EOF}, 8, restoreParts).Header(); !errors.Is(err, plugins.ErrBadAnswer) {
		t.Errorf("a plugin that sent nothing: %v", err)
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

// The chunks of a plugin are held against its end mark, and against the announced length.
// Rules P-41, P-42, P-43 and P-45.
func TestWhatArrivesIsWhatWasAnnounced(t *testing.T) {
	mark := func(text string) []pluginv1.RestoreRequest { return chunks(text)[2:] }
	text := chunks("abc", "de")
	for name, c := range map[string]struct {
		messages  []pluginv1.RestoreRequest
		announced uint64
		refused   bool
	}{
		"all":                  {text, 5, false},
		"none":                 {chunks(), 0, false},
		"a byte too few":       {text, 6, true},
		"a byte too many":      {text, 4, true},
		"any of none":          {chunks("a"), 0, true},
		"the largest number":   {text, math.MaxUint64, true},
		"a large chunk":        {chunks("abcde"), 5, true},
		"no end mark":          {text[:3], 5, true},
		"a chunk is missing":   {slices.Delete(slices.Clone(text), 1, 2), 2, true},
		"other bytes":          {append(slices.Clone(text[:3]), mark("abcdf")...), 5, true},
		"an end of fewer":      {append(slices.Clone(text[:3]), mark("abcd")...), 5, true},
		"a second header":      {append(slices.Clone(text[:3]), text[0], text[3]), 5, true},
		"a second end":         {append(slices.Clone(text), text[3]), 5, true},
		"a chunk after it":     {append(slices.Clone(text), text[1]), 5, true},
		"a chunk beside it":    {append(slices.Clone(text[:2]), pluginv1.RestoreRequest{Chunk: []byte("de"), End: text[3].End}), 5, true},
		"a part of later days": {append(slices.Clone(text[:3]), pluginv1.RestoreRequest{}, text[3]), 5, false},
	} {
		in := Arriving(t.Context(), NewTable(), &received{c.messages, io.EOF}, 4, restoreParts).Alone()
		if _, err := in.Header(); err != nil {
			t.Fatal(err)
		}
		in.Announced(c.announced)
		_, err := io.Copy(io.Discard, in.Reader())
		if (err != nil) != c.refused || c.refused && !errors.Is(err, plugins.ErrBadAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// uploading is the stream of an upload, whose other end answers after some messages.
type uploading struct {
	grpc.ClientStream
	left   int
	got    []pluginv1.RestoreRequest
	length uint64 // that it says to have read
	err    error
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
	return &pluginv1.RestoreResponse{AppliedIndex: 7, Length: s.length}, s.err
}

// Rules P-42 and P-46.
func TestAnUploadIsWholeOrFails(t *testing.T) {
	broken := errors.New("broken")
	upload := func(ctx context.Context, s *uploading, r io.Reader) error {
		var opened context.Context
		method := func(ctx context.Context, _ ...grpc.CallOption) (grpc.ClientStreamingClient[pluginv1.RestoreRequest, pluginv1.RestoreResponse], error) {
			opened = ctx
			return s, nil
		}
		first := header()
		res, err := Upload(ctx, &HostEnd{Table: NewTable()}, method, &first, r, 4, restoreParts)
		if opened.Err() == nil {
			t.Error("the stream goes on")
		}
		if (err == nil) != (res != nil) {
			t.Errorf("answer %v with %v", res, err)
		}
		return err
	}
	s := &uploading{left: 9, length: 6}
	if err := upload(t.Context(), s, strings.NewReader("abcdef")); err != nil {
		t.Errorf("all was taken: %v", err)
	}
	if want := chunks("abcd", "ef"); !reflect.DeepEqual(s.got, want) {
		t.Errorf("sent: %v, want %v", s.got, want)
	}
	for left := range 4 {
		if err := upload(t.Context(), &uploading{left: left, length: 6}, strings.NewReader("abcdef")); !errors.Is(err, plugins.ErrBadAnswer) {
			t.Errorf("answered after %d messages: %v", left, err)
		}
		if err := upload(t.Context(), &uploading{left: left, err: broken}, strings.NewReader("abcdef")); !errors.Is(err, broken) {
			t.Errorf("refused after %d messages: %v", left, err)
		}
	}
	for _, length := range []uint64{0, 4, 5, 7, math.MaxUint64} {
		if err := upload(t.Context(), &uploading{left: 9, length: length}, strings.NewReader("abcdef")); !errors.Is(err, plugins.ErrBadAnswer) {
			t.Errorf("answered when %d of 6 bytes were read: %v", length, err)
		}
	}
	s = &uploading{left: 9}
	if err := upload(t.Context(), s, io.MultiReader(strings.NewReader("abcd"), iotest.ErrReader(broken))); !errors.Is(err, broken) || len(s.got) != 2 {
		t.Errorf("a source that broke: %v after %d messages", err, len(s.got))
	}
	s = &uploading{left: 9}
	if err := upload(t.Context(), s, io.MultiReader(strings.NewReader("abcdef"), iotest.ErrReader(broken))); !errors.Is(err, broken) || len(s.got) != 3 || string(s.got[2].Chunk) != "ef" {
		t.Errorf("a source that broke within a chunk: %v after %d messages", err, len(s.got))
	}
	s = &uploading{left: 9}
	if err := upload(t.Context(), s, iotest.ErrReader(ErrStreamEnded)); !errors.Is(err, ErrStreamEnded) || len(s.got) != 1 {
		t.Errorf("a source whose stream ended: %v after %d messages", err, len(s.got))
	}
	for _, text := range []string{"abc", ""} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s = &uploading{left: 9}
		if err := upload(ctx, s, strings.NewReader(text)); !errors.Is(err, context.Canceled) || len(s.got) != 1 {
			t.Errorf("a caller that gave up: %v after %d messages", err, len(s.got))
		}
	}
}
