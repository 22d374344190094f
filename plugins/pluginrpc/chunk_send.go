package pluginrpc

import (
	"cmp"
	"context"
	"io"
	"strconv"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// SendChunks sends what r has in chunks of size bytes, but for the last, none of them
// empty, and returns the end of a stream of them, which its caller sends. If r fails, what
// it gave before is sent: a receiver may have use for the beginning of what breaks off.
func SendChunks(r io.Reader, size uint64, send func(chunk []byte) error) (*pluginv1.StreamEnd, error) {
	var sent Sum
	buf := make([]byte, size)
	for {
		n, last, failed := readChunk(r, buf)
		if n > 0 {
			sent.Add(buf[:n])
			if err := send(buf[:n]); err != nil {
				return nil, cmp.Or(failed, err)
			}
		}
		if failed != nil {
			return nil, failed
		}
		if last {
			return sent.End(), nil
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

// Upload sends, from the host's end, the header, then what r has, and the end, and
// returns the plugin's answer, which has to say that it has read as much. An error of r,
// or the end of ctx, ends the stream before its end mark: the stream may notice the end
// of ctx later than r does.
func Upload[Req, Res any, P interface {
	*Res
	GetLength() uint64
}](ctx context.Context, e *HostEnd,
	method func(context.Context, ...grpc.CallOption) (grpc.ClientStreamingClient[Req, Res], error),
	header *Req, r io.Reader, size uint64, parts Parts[Req], opts ...grpc.CallOption,
) (P, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := method(ctx, opts...)
	if err != nil {
		return nil, e.Table.Error(ctx, err)
	}
	sent, err := upload(ctx, stream, header, r, size, parts)
	if err != nil {
		return nil, err
	}
	res, err := stream.CloseAndRecv()
	if err != nil {
		return nil, e.Table.Error(ctx, err)
	}
	if read := P(res).GetLength(); sent == nil || read != sent.Length {
		return nil, Breach("P-46", "answered after %d bytes, of %s", read, lengthOf(sent))
	}
	return res, nil
}

// upload returns the end that was sent; nil if the plugin has ended the stream before.
// An error is one of r or of ctx.
func upload[Req, Res any](ctx context.Context, stream grpc.ClientStreamingClient[Req, Res],
	message *Req, r io.Reader, size uint64, parts Parts[Req],
) (*pluginv1.StreamEnd, error) {
	if stream.Send(message) != nil {
		return nil, nil
	}
	*message = *new(Req)
	_, chunk, end := parts(message)
	ended := false
	sent, err := SendChunks(r, size, func(b []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		*chunk = b
		if ended = stream.Send(message) != nil; ended {
			return ErrStreamEnded
		}
		return nil
	})
	if err = cmp.Or(err, ctx.Err()); ended {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if *chunk, *end = nil, sent; stream.Send(message) != nil {
		return nil, nil
	}
	return sent, nil
}

// lengthOf tells of how much was sent, for people.
func lengthOf(sent *pluginv1.StreamEnd) string {
	if sent == nil {
		return "more that was to come"
	}
	return strconv.FormatUint(sent.Length, 10)
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
