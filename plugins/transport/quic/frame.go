package quictransport

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// A streamKind is the first byte of a stream.
type streamKind byte

const (
	streamGreeting streamKind = iota
	streamControl
	streamAppend
	streamProposal
	streamSnapshot
	streamInquiry // about a member
)

// channelKinds are the kinds of streams that carry messages.
func channelKinds() [3]streamKind { return [3]streamKind{streamControl, streamAppend, streamProposal} }

// channelIndex is the place of a kind in arrays of channels; -1 if it carries
// no messages.
func (k streamKind) channelIndex() int {
	if k < streamControl || k > streamProposal {
		return -1
	}
	return int(k - streamControl)
}

func (k streamKind) String() string {
	switch k {
	case streamControl:
		return "control"
	case streamAppend:
		return "append"
	case streamProposal:
		return "proposal"
	case streamSnapshot:
		return "snapshot"
	}
	return "greeting"
}

// urgency is that of QUIC's scheduler: 0 goes first.
func (k streamKind) urgency() int8 {
	switch k {
	case streamAppend, streamSnapshot:
		return 3
	case streamProposal:
		return 2
	}
	return 0
}

// class is that of the messages on the stream.
func (k streamKind) class() pluginv1.MessageClass {
	switch k {
	case streamAppend:
		return pluginv1.MessageClass_CLASS_APPEND
	case streamProposal:
		return pluginv1.MessageClass_CLASS_PROPOSAL
	}
	return pluginv1.MessageClass_CLASS_CONTROL
}

// kindOf is the stream for a class.
func kindOf(class pluginv1.MessageClass) streamKind {
	switch class {
	case pluginv1.MessageClass_CLASS_APPEND:
		return streamAppend
	case pluginv1.MessageClass_CLASS_PROPOSAL:
		return streamProposal
	}
	return streamControl
}

// Tags of frames on message streams.
const (
	tagHeartbeat = 0
	tagMessage   = 1
	tagGreeting  = 2
)

const frameHead = 1 + 4

// appendFrameHead appends what goes before a body of n bytes.
func appendFrameHead(dst []byte, tag byte, n int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, tag), uint32(n))
}

// appendGreetingFrame appends a whole greeting.
func appendGreetingFrame(dst []byte, g transport.Greeting) []byte {
	dst = appendGreeting(appendFrameHead(dst, tagGreeting, greetingBytes+votersBytes), g)
	return binary.BigEndian.AppendUint64(dst, g.Voters)
}

// appendHeartbeat appends a whole heartbeat.
func appendHeartbeat(dst []byte, clock time.Time) []byte {
	return binary.BigEndian.AppendUint64(appendFrameHead(dst, tagHeartbeat, 8), uint64(clock.UnixNano()))
}

// frameReader decodes a message stream.
type frameReader struct {
	r     *bufio.Reader
	link  raftmsg.Link
	limit int
}

// A frame is a message, or else a greeting, or else a heartbeat with the
// sender's clock.
type frame struct {
	message  []byte
	greeting *transport.Greeting
	clock    time.Time
}

// next reads up to the next frame that this version knows.
func (f *frameReader) next() (frame, error) {
	for {
		head, err := f.r.Peek(frameHead)
		if err != nil {
			return frame{}, wire.Unexpected(err, len(head))
		}
		tag, n := head[0], binary.BigEndian.Uint32(head[1:])
		if uint64(n) > uint64(f.limit) {
			return frame{}, fmt.Errorf("frame of %d bytes, limit %d: %w", n, f.limit, plugins.ErrLimit)
		}
		if _, err := f.r.Discard(frameHead); err != nil {
			return frame{}, err
		}
		switch {
		case tag == tagMessage:
			return f.message(int(n))
		case tag == tagHeartbeat && n == 8:
			return f.heartbeat()
		case tag == tagGreeting && (n == greetingBytes || n == greetingBytes+votersBytes):
			return f.greeting(int(n))
		}
		if _, err := f.r.Discard(int(n)); err != nil {
			return frame{}, wire.Unexpected(err, 1)
		}
	}
}

// message reads one and makes sure that it belongs here.
func (f *frameReader) message(n int) (frame, error) {
	b, err := wire.ReadBytes(f.r, nil, n)
	if err != nil {
		return frame{}, err
	}
	shape, err := raftmsg.Scan(b)
	if err == nil {
		err = f.link.Check(&shape)
	}
	if err == nil && shape.Kind == raftmsg.TypeSnap {
		err = fmt.Errorf("%w: snapshot on a message stream", raftmsg.ErrMalformed)
	}
	if err != nil {
		return frame{}, fmt.Errorf("message frame: %w", err)
	}
	return frame{message: b}, nil
}

func (f *frameReader) heartbeat() (frame, error) {
	var b [8]byte
	if _, err := io.ReadFull(f.r, b[:]); err != nil {
		return frame{}, wire.Unexpected(err, 1)
	}
	return frame{clock: time.Unix(0, int64(binary.BigEndian.Uint64(b[:])))}, nil
}

func (f *frameReader) greeting(n int) (frame, error) {
	b, err := wire.ReadBytes(f.r, nil, n)
	if err != nil {
		return frame{}, err
	}
	body := fields{rest: b}
	g := body.greeting()
	if len(body.rest) > 0 {
		g.Voters = body.uint64()
	}
	return frame{greeting: &g}, nil
}

// complete reports whether next can answer without reading from the network.
func (f *frameReader) complete() bool {
	have := f.r.Buffered()
	if have < frameHead {
		return false
	}
	head, err := f.r.Peek(frameHead)
	return err == nil && uint64(binary.BigEndian.Uint32(head[1:])) <= uint64(have-frameHead)
}
