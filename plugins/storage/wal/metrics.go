package wal

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// The sync histogram has upper bounds from 0.25 ms, doubling to 8 s. Each bucket
// counts the syncs above the bound before it; one more bucket has those above 8 s.
const (
	fsyncBuckets    = 16
	fsyncFirstBound = 250 * time.Microsecond
)

// stats count what the journal does. They are written by one goroutine at a
// time and read by any.
type stats struct {
	written atomic.Uint64 // bytes
	syncs   [fsyncBuckets + 1]atomic.Uint64
	seconds atomic.Uint64 // nanoseconds spent in syncs
}

// synced counts one sync.
func (s *stats) synced(took time.Duration) {
	bucket := 0
	for bound := fsyncFirstBound; bucket < fsyncBuckets && took > bound; bound *= 2 {
		bucket++
	}
	s.syncs[bucket].Add(1)
	s.seconds.Add(uint64(max(took, 0)))
}

// WriteMetrics implements sdk.MetricsWriter.
func (s *store) WriteMetrics(w io.Writer) error {
	st, segments, reserved := s.measured()
	if st == nil {
		return nil
	}
	if _, err := fmt.Fprintf(w, `# HELP pontoon_storage_wal_written_bytes_total Bytes written to the log.
# TYPE pontoon_storage_wal_written_bytes_total counter
pontoon_storage_wal_written_bytes_total %d
# HELP pontoon_storage_wal_segments Segment files of the log.
# TYPE pontoon_storage_wal_segments gauge
pontoon_storage_wal_segments %d
# HELP pontoon_storage_wal_reserve_bytes Space set aside for a full disk; 0 after it was needed.
# TYPE pontoon_storage_wal_reserve_bytes gauge
pontoon_storage_wal_reserve_bytes %d
# HELP pontoon_storage_wal_fsync_duration_seconds Time of one sync of the log.
# TYPE pontoon_storage_wal_fsync_duration_seconds histogram
`, st.written.Load(), segments, reserved); err != nil {
		return err
	}
	var count uint64
	bound := fsyncFirstBound
	for i := range fsyncBuckets {
		count += st.syncs[i].Load()
		if _, err := fmt.Fprintf(w, "pontoon_storage_wal_fsync_duration_seconds_bucket{le=\"%g\"} %d\n", bound.Seconds(), count); err != nil {
			return err
		}
		bound *= 2
	}
	count += st.syncs[fsyncBuckets].Load()
	_, err := fmt.Fprintf(w, "pontoon_storage_wal_fsync_duration_seconds_bucket{le=\"+Inf\"} %d\n"+
		"pontoon_storage_wal_fsync_duration_seconds_sum %g\npontoon_storage_wal_fsync_duration_seconds_count %d\n",
		count, time.Duration(st.seconds.Load()).Seconds(), count)
	return err
}

// measured returns the journal's counters; nil before Open and after Close.
func (s *store) measured() (st *stats, segments int, reserved int64) {
	if !s.IsOpen() {
		return nil, 0, 0
	}
	return &s.journal.stats, s.journal.segmentCount(), s.journal.reserve.have.Load()
}
