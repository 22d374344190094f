package api

import "encoding/binary"

// mostUnread are the bytes that all clients have sent and gRPC keeps until they are
// read, with what their frames take. gRPC gives credit for what it has read only when
// that is lateCredit: for up to so much of each call the count is too high, so clients
// that do nothing wrong are never over it.
func (l Limits) mostUnread() int64 {
	return int64(l.MaxProposalStreams)*lateCredit + l.MaxPendingBytes
}

const lateCredit = streamWindow / 4

// runBytes is how exactly it is known which frames were read.
const runBytes = 4 << 10

// An unread is what has come on a stream and was not read: by the credit, the
// WINDOW_UPDATE frames, that gRPC gives for what was read.
type unread struct {
	runs  []run // the oldest first
	ahead int64 // credit for what has not come: gRPC waits for a large message
}

// A run are frames that came one after the other. They count for what they take in
// memory, until the last one was read.
type run struct{ bytes, cost int64 }

// received counts a frame with so many bytes, and returns what it adds.
func (u *unread) received(bytes int64) (added int64) {
	early := min(u.ahead, bytes)
	u.ahead -= early
	if bytes -= early; bytes == 0 {
		return 0
	}
	if n := len(u.runs); n == 0 || u.runs[n-1].bytes >= runBytes {
		u.runs = append(u.runs, run{})
	}
	last := &u.runs[len(u.runs)-1]
	last.bytes += bytes
	last.cost += bytes + frameCost
	return bytes + frameCost
}

// credited counts bytes that gRPC has read, and returns what that takes off.
func (u *unread) credited(bytes int64) (freed int64) {
	for len(u.runs) > 0 && bytes >= u.runs[0].bytes {
		bytes -= u.runs[0].bytes
		freed += u.runs[0].cost
		u.runs = u.runs[1:]
	}
	if len(u.runs) == 0 {
		u.runs, u.ahead = nil, u.ahead+bytes
		return freed
	}
	u.runs[0].bytes -= bytes
	u.runs[0].cost -= bytes
	return freed + bytes
}

// cost is what the stream counts for.
func (u *unread) cost() (sum int64) {
	for _, r := range u.runs {
		sum += r.cost
	}
	return sum
}

// A creditReader reads a WINDOW_UPDATE frame: its first bytes, and no more of a frame
// that is too long.
type creditReader struct {
	value [4]byte
	have  int
}

func (r *creditReader) feed(chunk []byte) (credit int64, whole bool) {
	had := r.have
	r.have += copy(r.value[had:], chunk)
	if had == len(r.value) || r.have < len(r.value) {
		return 0, false
	}
	return int64(binary.BigEndian.Uint32(r.value[:]) &^ (1 << 31)), true
}
