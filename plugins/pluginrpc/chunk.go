package pluginrpc

import "io"

// maxEmptyReads is how often in a row a reader may return nothing.
const maxEmptyReads = 100

// ReadChunk fills buf from r as far as r has bytes. last is true only if r
// ended with io.EOF itself: a reader that fails with io.ErrUnexpectedEOF has
// not ended, which io.ReadFull could not tell apart.
func ReadChunk(r io.Reader, buf []byte) (n int, last bool, err error) {
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
