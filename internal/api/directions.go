package api

import "time"

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
	case f.kind == framePing || f.kind == frameSettings || f.kind == framePriority:
		(*meter)(m).controlLocked(f)
	case f.kind == frameData && u != nil && f.length > 0: // gRPC keeps nothing of an empty one
		u.bytes += frameCost
		m.bytes += frameCost
		m.unread += u.unread.received(int64(f.length))
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

// message follows the messages of a stream: the one that is not complete
// counts.
func (m *meterIn) message(u *unfinished, chunk []byte) {
	for len(chunk) > 0 && !u.opaque {
		var whole bool
		if chunk, whole = u.messages.feed(chunk); !whole {
			break
		}
		m.bytes -= u.bytes
		u.bytes, u.since = 0, time.Time{}
		if len(chunk) > 0 {
			u.bytes = frameCost + int64(len(chunk))
			m.bytes += u.bytes
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
		m.written = true
		if f.flags&flagEndStream != 0 {
			(*meter)(m).closeLocked(f.stream)
		}
	case frameData:
		m.written = true
		m.data += uint64(f.length)
	case frameCredit:
		m.credit = creditReader{} // the stream of the last one may have ended within it
	}
}

func (m *meterOut) payload(f frame, chunk []byte) {
	u := m.open[f.stream]
	if u == nil || f.kind != frameCredit {
		return
	}
	if by, whole := m.credit.feed(chunk); whole {
		m.unread -= u.unread.credited(by)
	}
}
