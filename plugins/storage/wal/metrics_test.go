package wal

import (
	"bytes"
	"context"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// The metrics that a host passes on must be sound Prometheus text, and count.
func TestMetrics(t *testing.T) {
	ctx := context.Background()
	s := New(backend.Env{}).(*store)
	write := func() map[string]float64 {
		t.Helper()
		var b bytes.Buffer
		if err := s.WriteMetrics(&b); err != nil {
			t.Fatal(err)
		}
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(&b)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for name, f := range families {
			m := f.GetMetric()[0]
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		return values
	}
	if got := write(); len(got) != 0 {
		t.Errorf("a store that is not open has metrics: %v", got)
	}
	opts := plugins.Options{ClusterID: 1, NodeID: 1, Group: 1, Incarnation: 1, DataDir: t.TempDir(), Limits: plugins.DefaultLimits()}
	if _, err := s.Open(ctx, opts); err != nil {
		t.Fatal(err)
	}
	defer s.Close(ctx)
	before := write()
	batch := storage.Batch{MustSync: true, HardState: storage.HardState{Term: 1}, Entries: []storage.Entry{{Term: 1, Index: 1, Data: []byte("x")}}}
	if err := s.Append(ctx, []storage.Batch{batch}); err != nil {
		t.Fatal(err)
	}
	after := write()
	for _, name := range []string{"pontoon_storage_wal_written_bytes_total", "pontoon_storage_wal_fsync_duration_seconds"} {
		if after[name] <= before[name] {
			t.Errorf("%s went from %v to %v with an append", name, before[name], after[name])
		}
	}
	if after["pontoon_storage_wal_segments"] < 1 {
		t.Errorf("segments: %v", after)
	}
}
