package api

import (
	"encoding/binary"
	"time"
)

// meterIn is the direction from the client.
type meterIn meter

func (m *meterIn) frame(f frame) {
	u := m.open[f.stream]
	switch {
	case f.kind == frameHeaders && u == nil && f.stream > m.last:
		m.last = f.stream
		m.open[f.stream] = &unfinished{opened: time.Now()}
	case f.kind == frameReset:
		(*meter)(m).breakLocked(f.stream)
	case f.kind == frameData && u != nil && f.length > 0: // gRPC keeps nothing of an empty one
		u.bytes += frameCost
		m.bytes += frameCost
		if f.flags&flagPadded != 0 {
			u.opaque = true
		}
		m.message(u, nil)
	}
}

func (m *meterIn) payload(f frame, chunk []byte) {
	if u := m.open[f.stream]; u != nil && f.kind == frameData {
		u.bytes += int64(len(chunk))
		m.bytes += int64(len(chunk))
		m.message(u, chunk)
	}
}

// message follows the messages of a stream: what counts is the one that is not
// complete.
func (m *meterIn) message(u *unfinished, chunk []byte) {
	for len(chunk) > 0 && !u.opaque {
		if u.have < grpcPrefix {
			n := copy(u.prefix[u.have:], chunk)
			u.have += n
			chunk = chunk[n:]
			if u.have < grpcPrefix {
				break
			}
			u.left = binary.BigEndian.Uint32(u.prefix[1:])
		}
		n := min(int64(u.left), int64(len(chunk)))
		u.left -= uint32(n)
		chunk = chunk[n:]
		if u.left == 0 {
			m.bytes -= u.bytes
			u.have, u.bytes, u.since = 0, 0, time.Time{}
			if len(chunk) > 0 {
				u.bytes = frameCost + int64(len(chunk))
				m.bytes += u.bytes
			}
		}
	}
	if u.bytes > 0 && u.since.IsZero() {
		u.since = time.Now()
	}
}

// meterOut is the direction to the client.
type meterOut meter

func (m *meterOut) frame(f frame) {
	switch f.kind {
	case frameReset:
		(*meter)(m).breakLocked(f.stream)
	case frameHeaders:
		if f.flags&flagEndStream != 0 {
			(*meter)(m).closeLocked(f.stream)
		}
	case frameData:
		m.data += uint64(f.length)
		if gone := min(m.handed, int64(f.length)); gone > 0 {
			m.handed -= gone
			m.all.results.Add(-gone)
		}
	}
}

func (m *meterOut) payload(frame, []byte) {}
