package api

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// The sizes of the pool: small answers, frames, batches, and up to the largest value at
// default settings with its message around it. From frames on a buffer has at most four
// times the length that was asked for, because bounds count that length.
const (
	smallBuffer  = 4 << 10
	frameBuffer  = 16 << 10
	batchBuffer  = 64 << 10
	middleBuffer = 256 << 10
	upperBuffer  = 512 << 10
	largeBuffer  = 1<<20 + 64<<10
)

// A bufferPool has the buffers for what is read from clients and written to them. It
// does not clear them, as the default pool of gRPC does, which took a fifth of a host's
// time in a flood: gRPC and the codec write all bytes of a buffer before they read any.
type bufferPool struct{ tiers []bufferTier }

type bufferTier struct {
	size int
	free sync.Pool
}

func newBufferPool() *bufferPool {
	return &bufferPool{tiers: []bufferTier{
		{size: smallBuffer}, {size: frameBuffer}, {size: batchBuffer}, {size: middleBuffer}, {size: upperBuffer}, {size: largeBuffer},
	}}
}

var _ mem.BufferPool = (*bufferPool)(nil)

// Get implements mem.BufferPool.
func (p *bufferPool) Get(length int) *[]byte {
	for i := range p.tiers {
		if length > p.tiers[i].size {
			continue
		}
		if b, ok := p.tiers[i].free.Get().(*[]byte); ok {
			*b = (*b)[:length]
			return b
		}
		b := make([]byte, length, p.tiers[i].size)
		return &b
	}
	return mem.DefaultBufferPool().Get(length)
}

// Put implements mem.BufferPool.
func (p *bufferPool) Put(b *[]byte) {
	if cap(*b) > largeBuffer {
		mem.DefaultBufferPool().Put(b)
		return
	}
	for i := range p.tiers { // no other one is of this pool
		if cap(*b) == p.tiers[i].size {
			p.tiers[i].free.Put(b)
			return
		}
	}
}
