package node

import pb "go.etcd.io/raft/v3/raftpb"

// maxMarks bounds the marks of sizes.
const maxMarks = 1024

// sizes tells about how many bytes the entries between two places of the log have, without a
// look at the entries, most of which are not in memory. It has a mark at the end of each
// append, as far as there is room; between two marks all entries count as equally large.
type sizes struct{ marks []sizeMark }

// sizeMark is a place in the log: the bytes of all entries up to an index, from the first mark.
type sizeMark struct{ index, bytes uint64 }

// appended notes entries that go into the log, and forgets those that they overwrite.
func (s *sizes) appended(entries []*pb.Entry) {
	if len(entries) == 0 {
		return
	}
	before := entries[0].GetIndex() - 1
	if n := len(s.marks); n > 0 && s.marks[n-1].index < before {
		s.marks = nil // a snapshot was installed, and of the entries in it no size is known
	}
	bytes := s.upTo(before)
	n := len(s.marks)
	for n > 0 && s.marks[n-1].index > before {
		n--
	}
	if s.marks = s.marks[:n]; n == 0 || s.marks[n-1].index < before {
		s.marks = append(s.marks, sizeMark{before, bytes})
	}
	s.marks = append(s.marks, sizeMark{entries[len(entries)-1].GetIndex(), bytes + payload(entries)})
	if len(s.marks) > maxMarks {
		s.thin()
	}
}

// thin drops every second mark of the older half: what happened lately is known more exactly.
func (s *sizes) thin() {
	half := len(s.marks) / 2
	kept := s.marks[:0]
	for i, m := range s.marks {
		if i >= half || i%2 == 0 {
			kept = append(kept, m)
		}
	}
	s.marks = kept
}

// upTo is about how many bytes the entries up to index have, from the first mark. Entries
// before that count as none, and so do those after the last mark.
func (s *sizes) upTo(index uint64) uint64 {
	for i := len(s.marks) - 1; i >= 0; i-- {
		m := s.marks[i]
		switch {
		case index < m.index:
			continue
		case i == len(s.marks)-1 || index == m.index:
			return m.bytes
		}
		next := s.marks[i+1]
		share := float64(index-m.index) / float64(next.index-m.index)
		return m.bytes + uint64(share*float64(next.bytes-m.bytes))
	}
	return 0
}

// between is about how many bytes the entries above low and up to high have. Those before the
// first mark are taken for as large as the others are on average.
func (s *sizes) between(low, high uint64) uint64 {
	if low >= high || len(s.marks) == 0 {
		return 0
	}
	bytes := s.upTo(high) - s.upTo(low)
	first, last := s.marks[0], s.marks[len(s.marks)-1]
	if low < first.index && last.index > first.index {
		bytes += uint64(float64(min(first.index, high)-low) * float64(last.bytes) / float64(last.index-first.index))
	}
	return bytes
}
