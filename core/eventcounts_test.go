package core

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/events"
)

// Events are counted, those that were overwritten too, and docs/metrics.md has a row for
// each of their metrics and no others.
func TestEventsAreCounted(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	ring, registry := events.New(), prometheus.NewRegistry()
	registry.MustRegister(newEventCounts(ring))
	log := slog.New(ring.Handler(slog.DiscardHandler))
	for i := range events.MaxEvents + 2 {
		log.Info("an event", "event", events.Leader, "term", i)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"pontoon_events_total": events.MaxEvents + 2, "pontoon_events_overwritten_total": 2, "pontoon_events_kept": events.MaxEvents}
	for _, f := range families {
		m := f.GetMetric()[0]
		if got := m.GetCounter().GetValue() + m.GetGauge().GetValue(); got != want[f.GetName()] {
			t.Errorf("%s is %v, want %v", f.GetName(), got, want[f.GetName()])
		}
		if !strings.Contains(string(page), "\n| `"+f.GetName()+"` |") {
			t.Errorf("%s is not documented", f.GetName())
		}
	}
	if n := strings.Count(string(page), "\n| `pontoon_events_"); n != len(want) || len(families) != n {
		t.Errorf("%d are documented, %d registered", n, len(families))
	}
}
