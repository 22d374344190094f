package api

import "testing"

// A buffer is of the least size of the pool that has room for it; one that comes back
// from elsewhere is not handed out.
func TestBuffersAreOfTheSizesOfThePool(t *testing.T) {
	p := newBufferPool()
	foreign := make([]byte, batchBuffer-1)
	p.Put(&foreign)
	for length, size := range map[int]int{
		0: smallBuffer, 1: smallBuffer, smallBuffer: smallBuffer, smallBuffer + 1: frameBuffer, frameBuffer: frameBuffer,
		frameBuffer + 1: batchBuffer, batchBuffer - 1: batchBuffer, batchBuffer + 1: middleBuffer,
		middleBuffer + 1: upperBuffer, upperBuffer + 1: largeBuffer, largeBuffer: largeBuffer,
	} {
		b := p.Get(length)
		if len(*b) != length || cap(*b) != size {
			t.Errorf("%d bytes: %d of %d, want a buffer of %d", length, len(*b), cap(*b), size)
		}
		p.Put(b)
	}
	for length := frameBuffer; length <= largeBuffer; length += 1 << 10 {
		if b := p.Get(length); cap(*b) > 4*length {
			t.Errorf("%d bytes take a buffer of %d", length, cap(*b))
		}
	}
	b := p.Get(largeBuffer + 1)
	if len(*b) != largeBuffer+1 {
		t.Errorf("more than the largest: %d", len(*b))
	}
	p.Put(b)
}
