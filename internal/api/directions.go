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
		(*meter)(m).earnLocked(framesOfOne)
	case f.kind == frameReset && u != nil:
		(*meter)(m).breakLocked(f.stream)
	case f.kind == frameData && u != nil:
		m.received(u, f)
	case f.kind == frameCredit || f.kind == frameReset || f.kind == frameData && f.length > 0:
		(*meter)(m).followLocked(f)
	case f.kind != frameMore || f.length < leastFrame:
		(*meter)(m).controlLocked(f)
	}
}

// received counts a frame of a stream's data. The frame that ends the stream may be
// empty.
func (m *meterIn) received(u *unfinished, f frame) {
	ends, within := f.flags&flagEndStream != 0, u.bytes > 0
	if f.length == 0 { // gRPC keeps nothing of an empty one
		if !ends || u.ended {
			(*meter)(m).controlLocked(f)
		}
		u.ended = true
		return
	}
	u.ended = u.ended || ends
	u.small = f.length < leastFrame && within
	u.bytes += frameCost
	m.bytes += frameCost
	m.unread += u.unread.received(int64(f.length))
	if f.flags&flagPadded != 0 {
		u.opaque = true
	}
	m.message(u, nil)
}

func (m *meterIn) payload(f frame, chunk []byte) {
	u := m.open[f.stream]
	if u == nil || f.kind != frameData {
		return
	}
	u.bytes += int64(len(chunk))
	m.bytes += int64(len(chunk))
	m.message(u, chunk)
	if u.small { // of a message that goes on after it
		u.small = false
		(*meter)(m).controlLocked(f)
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
		u.bytes, u.since, u.small = 0, time.Time{}, false
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
			(*meter)(m).endLocked(f.stream)
		}
	case frameData:
		m.written = true
		(*meter)(m).earnLocked(framesOfOne)
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
