package api

import "encoding/binary"

// grpcPrefix is what stands before each message of gRPC: whether it is
// compressed, and its length.
const grpcPrefix = 5

// A messageReader finds where the messages of one direction of a stream end.
type messageReader struct {
	prefix [grpcPrefix]byte
	have   int    // of the prefix
	left   uint32 // of the message, once all of the prefix is there
}

// feed reads on in the present message, and returns what comes after it. Whole tells
// that it has come to its end.
func (r *messageReader) feed(chunk []byte) (rest []byte, whole bool) {
	if r.have < grpcPrefix {
		n := copy(r.prefix[r.have:], chunk)
		r.have += n
		chunk = chunk[n:]
		if r.have < grpcPrefix {
			return nil, false
		}
		r.left = binary.BigEndian.Uint32(r.prefix[1:])
	}
	n := min(int64(r.left), int64(len(chunk)))
	r.left -= uint32(n)
	if r.left > 0 {
		return nil, false
	}
	r.have = 0
	return chunk[n:], true
}
