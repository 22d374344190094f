package pluginrpc

import (
	"context"
	"io"

	"google.golang.org/grpc"
)

// SendChunks sends what r has in chunks of size bytes, but for the last. The last
// may be empty, and there is none if r fails.
func SendChunks(r io.Reader, size uint64, send func(chunk []byte, last bool) error) error {
	buf := make([]byte, size)
	for {
		n, last, err := readChunk(r, buf)
		if err != nil {
			return err
		}
		if err := send(buf[:n], last); err != nil || last {
			return err
		}
	}
}

// maxEmptyReads is how often in a row a reader may return nothing.
const maxEmptyReads = 100

// readChunk fills buf from r as far as r has bytes. last is true only if r
// ended with io.EOF itself: a reader that fails with io.ErrUnexpectedEOF has
// not ended, which io.ReadFull could not tell apart.
func readChunk(r io.Reader, buf []byte) (n int, last bool, err error) {
	for empty := 0; n < len(buf); {
		m, err := r.Read(buf[n:])
		if m < 0 || m > len(buf)-n {
			return n, false, BadAnswer("reader returned %d of %d bytes", m, len(buf)-n)
		}
		n += m
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
		if m > 0 {
			empty = 0
		} else if empty++; empty == maxEmptyReads {
			return n, false, io.ErrNoProgress
		}
	}
	return n, false, nil
}

// Upload opens a stream and sends, from the host's end, a first message and then what r
// has, and returns the plugin's answer. It is not whole if the plugin answered before it
// had all of it. An error of r, or the end of ctx, ends the stream before its last chunk:
// the stream may notice the end of ctx later than r does.
func Upload[Req, Res any](ctx context.Context, e *HostEnd,
	method func(context.Context, ...grpc.CallOption) (grpc.ClientStreamingClient[Req, Res], error),
	first *Req, r io.Reader, size uint64, parts Parts[Req], opts ...grpc.CallOption,
) (res *Res, whole bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := method(ctx, opts...)
	if err != nil {
		return nil, false, e.Table.Error(ctx, err)
	}
	if stream.Send(first) == nil {
		*first = *new(Req)
		chunk, last := parts(first)
		ended := false
		err := SendChunks(r, size, func(b []byte, end bool) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if *chunk, *last = b, end; stream.Send(first) != nil {
				ended = true
				return ErrStreamEnded
			}
			whole = end
			return nil
		})
		if err != nil && !ended {
			return nil, false, err
		}
	}
	if res, err = stream.CloseAndRecv(); err != nil {
		return nil, whole, e.Table.Error(ctx, err)
	}
	return res, whole, nil
}

// A ChunkWriter cuts what is written into chunks.
type ChunkWriter struct {
	// Most is the most bytes of a chunk.
	Most int
	// Send sends a chunk, of which it keeps nothing.
	Send func(chunk []byte) error
}

// Write implements io.Writer.
func (w ChunkWriter) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n := min(len(p)-written, w.Most)
		if err := w.Send(p[written : written+n]); err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}
