// Package chunksum counts and sums up the chunks of a stream, for its end, by which a
// receiver knows that it has all of them. Streams of plugins and of clients have the same.
package chunksum

import "hash/crc32"

// A Sum is the length and the CRC-32 (IEEE) of chunks. The zero value is that of none.
type Sum struct {
	bytes uint64
	crc32 uint32
}

// Add adds a chunk.
func (s *Sum) Add(chunk []byte) {
	s.bytes += uint64(len(chunk))
	s.crc32 = crc32.Update(s.crc32, crc32.IEEETable, chunk)
}

// Bytes is how many there were.
func (s *Sum) Bytes() uint64 { return s.bytes }

// CRC32 is that of all of them.
func (s *Sum) CRC32() uint32 { return s.crc32 }
