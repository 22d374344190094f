package main

import (
	"strings"
	"testing"
	"time"
)

// TestEveryLaneAppends runs each lane shortly: the measured code works.
func TestEveryLaneAppends(t *testing.T) {
	for _, l := range lanes() {
		if l.name == laneRPC {
			continue // it starts this program again, which a test is not
		}
		t.Run(l.name, func(t *testing.T) {
			rate, err := measureOne(t.Context(), l, t.TempDir(), 20*time.Millisecond)
			if err != nil || rate <= 0 {
				t.Fatalf("%f entries/s, %v", rate, err)
			}
		})
	}
}

func TestReportComparesMedians(t *testing.T) {
	var out strings.Builder
	report(&out, map[string][]float64{
		laneWAL: {100, 300, 200}, laneEtcd: {100}, laneHashicorp: {400}, lanePipeline: {1000}, laneRPC: {700, 900},
	})
	for _, want := range []string{"0.50x, target 1.0x: missed", "0.80x, target 0.7x: reached"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, out.String())
		}
	}
}
