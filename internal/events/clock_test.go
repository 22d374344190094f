package events

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

// A clock that was set back makes no two events of long apart one, whose since is after its time.
func TestAClockThatJumpsBackRepeatsNothing(t *testing.T) {
	r := New()
	h := r.Handler(slog.DiscardHandler)
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{now, now.Add(-24 * time.Hour)} {
		record := slog.NewRecord(at, slog.LevelInfo, "leads", 0)
		record.AddAttrs(slog.Any("event", Leader))
		if err := h.Handle(context.Background(), record); err != nil {
			t.Fatal(err)
		}
	}
	got, _, _ := r.After(0, 10)
	if len(got) != 2 {
		t.Errorf("%d events, since %v at %v, %d times", len(got), got[0].Since, got[0].Time, got[0].Times)
	}
}
