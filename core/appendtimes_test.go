package core

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// slowStorage takes a while for each append, and its acknowledgements are on their way for
// a while.
type slowStorage struct {
	storage.Storage
	disk, way time.Duration
}

// Append implements storage.Storage.
func (s slowStorage) Append(context.Context, []storage.Batch) error {
	time.Sleep(s.disk)
	return nil
}

// Appender implements storage.Streamer.
func (s slowStorage) Appender(ctx context.Context) (storage.Appender, error) {
	return farAppender{storage.NewAppender(ctx, s), s.way}, nil
}

type farAppender struct {
	storage.Appender
	way time.Duration
}

// Recv implements storage.Appender.
func (f farAppender) Recv() (uint64, error) {
	durable, err := f.Appender.Recv()
	if err == nil {
		time.Sleep(f.way)
	}
	return durable, err
}

// Took implements storage.Timed.
func (f farAppender) Took() time.Duration { return f.Appender.(storage.Timed).Took() }

// A slow disk shows in the time of a sync, a slow way to the storage in that of the hop, and
// neither in the other. Batches that wait in the storage for the sync before them, and share
// the next one, are one sync. Meanwhile the oldest append and the bytes on their way are known.
func TestASlowDiskIsToldFromASlowWay(t *testing.T) {
	for name, c := range map[string]struct{ disk, way, synced, hopping float64 }{
		"a slow disk": {disk: 0.2, synced: 0.4},
		"a slow way":  {disk: 0.001, way: 0.05, synced: 0.002, hopping: 0.099},
		"both":        {disk: 0.2, way: 0.05, synced: 0.4, hopping: 0.05}, // the second sync began in the time of the way
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := prometheus.NewRegistry()
				h := &Host{cfg: Config{Election: 10 * time.Second}.WithDefaults(), logger: slog.New(slog.DiscardHandler)}
				h.server = server.New(server.Config{Metrics: registry, Appends: h.unfinishedAppends})
				g := newGeneration(h)
				second := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
				g.instance, g.storage = &catalog.Instance{}, slowStorage{disk: second(c.disk), way: second(c.way)}
				raft, err := node.NewCore(node.Config{
					ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(), State: storage.State{FirstIndex: 1},
					MaxAppends: defaults.MaxInflightAppends, MaxPending: defaults.MaxPending, MaxPendingBytes: defaults.MaxPendingBytes,
				})
				if err != nil {
					t.Fatal(err)
				}
				g.node, g.pump = node.New(raft, nil), newAppendPump(g)
				h.setGeneration(g)
				g.wg.Go(g.pump.run)
				for i := range uint64(3) {
					g.pump.push(node.Append{Number: i + 1, Batch: storage.Batch{MustSync: true, Entries: []storage.Entry{{Term: 1, Index: i + 1, Data: make([]byte, 100)}}}})
					if i == 0 {
						synctest.Wait() // it goes alone, and the other two wait for it
					}
				}
				time.Sleep(10 * time.Millisecond)
				wantGauge(t, registry, "pontoon_append_oldest_seconds", 0.01)
				wantGauge(t, registry, "pontoon_append_inflight_bytes", 300)
				time.Sleep(5 * time.Second)
				wantGauge(t, registry, "pontoon_append_oldest_seconds", 0)
				wantGauge(t, registry, "pontoon_append_inflight_bytes", 0)
				wantTimes(t, registry, "pontoon_append_sync_duration_seconds", 2, c.synced)
				wantTimes(t, registry, "pontoon_append_hop_duration_seconds", 2, c.hopping)
				g.pump.close()
				<-g.pump.ended
				g.stop()
				g.wg.Wait()
			})
		})
	}
}

func wantGauge(t *testing.T, r *prometheus.Registry, name string, want float64) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			if got := f.GetMetric()[0].GetGauge().GetValue(); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
			return
		}
	}
	t.Errorf("there is no %s", name)
}

// wantTimes checks how many durations a histogram has, and their sum to a microsecond.
func wantTimes(t *testing.T, r *prometheus.Registry, name string, count uint64, sum float64) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			h := f.GetMetric()[0].GetHistogram()
			if off := h.GetSampleSum() - sum; h.GetSampleCount() != count || off > 1e-6 || off < -1e-6 {
				t.Errorf("%s: %d, %v s together; want %d, %v s", name, h.GetSampleCount(), h.GetSampleSum(), count, sum)
			}
			return
		}
	}
	t.Errorf("there is no %s", name)
}

// Syncs that take long are an event at once, and then one in a pause with how many there were.
func TestSlowSyncsAreOneEventInAPause(t *testing.T) {
	ring := events.New()
	p := &appendPump{g: &generation{h: &Host{logger: slog.New(ring.Handler(slog.DiscardHandler))}}}
	now := time.Unix(1_000_000, 0)
	p.tellSlow(slowSync-1, now)
	for i := range 5 {
		p.tellSlow(slowSync, now.Add(time.Duration(i)*time.Second))
	}
	p.tellSlow(2*slowSync, now.Add(slowSyncPause))
	told, _, _ := ring.After(0, 10)
	if len(told) != 2 || told[0].Kind != events.Sync || told[1].Fields[1].Value != int64(5) || told[1].Fields[0].Value != int64(1000) {
		t.Errorf("told are %d events: %+v", len(told), told)
	}
}
