package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
	"pgregory.net/rapid"
)

// sized are entries from an index on whose data have these sizes.
func sized(first uint64, sizes ...int) []*pb.Entry {
	var entries []*pb.Entry
	for i, n := range sizes {
		entries = append(entries, &pb.Entry{Index: new(first + uint64(i)), Data: make([]byte, n)})
	}
	return entries
}

// Between the ends of two appends the bytes are exact; within an append all entries count as
// equally large, and before the first one they count as large as the others on average.
func TestSizesAreExactAtTheEndsOfAppends(t *testing.T) {
	var s sizes
	s.appended(sized(11, 100, 300))
	s.appended(sized(13, 50))
	s.appended(sized(14, 0, 0, 90))
	for _, c := range []struct{ low, high, want uint64 }{
		{10, 16, 540},
		{12, 16, 140},
		{12, 13, 50},
		{13, 16, 90},
		{16, 16, 0},
		{17, 16, 0},
		{11, 12, 200}, // of 400 in two entries
		{14, 16, 60},  // of 90 in three
		{0, 10, 900},  // unknown: ten times 90 on average
		{4, 16, 1080}, // six of them, and all that is known
		{16, 2000, 0}, // after the last one
		{12, 5000, 140},
	} {
		if got := s.between(c.low, c.high); got != c.want {
			t.Errorf("above %d up to %d: %d bytes, want %d", c.low, c.high, got, c.want)
		}
	}
	s.appended(sized(13, 7)) // over the end of a log
	if got := s.between(10, 13); got != 407 {
		t.Errorf("after entries were overwritten there are %d bytes, want 407", got)
	}
	if got := new(sizes).between(0, 100); got != 0 {
		t.Errorf("of no entry the sizes are known, and 100 have %d bytes", got)
	}
}

// A snapshot that is installed leaves a gap, and of the entries in it no size is known: they count
// as large as those after it on average.
func TestEntriesOfAnInstalledSnapshotHaveASize(t *testing.T) {
	var s sizes
	s.appended(sized(1, 10, 10))
	s.appended(sized(1001, 100, 300))
	for _, c := range []struct{ low, high, want uint64 }{
		{1000, 1002, 400},
		{500, 1000, 100_000},
		{2, 1002, 200_000},
	} {
		if got := s.between(c.low, c.high); got != c.want {
			t.Errorf("above %d up to %d: %d bytes, want %d", c.low, c.high, got, c.want)
		}
	}
}

// However many appends there were, the marks are bounded, and a size is off by no more than
// what lies between two marks, and by an append for each whose end was overwritten.
func TestSizesAreNeverFarOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const largest = 1000
		var s sizes
		log := []uint64{0} // bytes up to each index
		slack := uint64(0)
		for range rapid.IntRange(1, 6*maxMarks).Draw(t, "appends") {
			first := len(log)
			if first > 10 && rapid.IntRange(0, 99).Draw(t, "conflict") == 0 {
				first -= rapid.IntRange(1, 9).Draw(t, "overwritten")
				slack += 3 * largest
			}
			log = log[:first]
			var of []int
			for range rapid.IntRange(1, 3).Draw(t, "entries") {
				n := rapid.IntRange(0, largest).Draw(t, "size")
				of, log = append(of, n), append(log, log[len(log)-1]+uint64(n))
			}
			s.appended(sized(uint64(first), of...))
		}
		if len(s.marks) > maxMarks {
			t.Fatalf("%d marks, at most %d", len(s.marks), maxMarks)
		}
		last := uint64(len(log) - 1)
		if got := s.between(0, last); max(got, log[last])-min(got, log[last]) > slack {
			t.Fatalf("all have %d bytes, want %d, off by more than %d", got, log[last], slack)
		}
		for i := 1; i < len(s.marks); i++ {
			m, before := s.marks[i], s.marks[i-1]
			if m.bytes-before.bytes > (m.index-before.index)*largest {
				t.Fatalf("%d bytes in %d entries of at most %d", m.bytes-before.bytes, m.index-before.index, largest)
			}
		}
		at := uint64(rapid.IntRange(0, int(last)).Draw(t, "at"))
		i := 0
		for i < len(s.marks)-1 && s.marks[i+1].index <= at {
			i++
		}
		bound := slack
		if i < len(s.marks)-1 {
			bound += (s.marks[i+1].index - s.marks[i].index) * largest
		}
		got, want := s.between(at, last), log[last]-log[at]
		if max(got, want)-min(got, want) > bound {
			t.Fatalf("above %d: %d bytes, want %d, off by more than %d", at, got, want, bound)
		}
	})
}
