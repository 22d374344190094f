package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeSystem acknowledges each write after a fixed time.
type fakeSystem struct {
	latency time.Duration
	refuse  error

	mu   sync.Mutex
	keys map[string]int
}

func (f *fakeSystem) Name() string                        { return "fake" }
func (f *fakeSystem) Start(context.Context, string) error { return nil }
func (f *fakeSystem) Stop() error                         { return nil }

func (f *fakeSystem) Propose(_ context.Context, _ int, key, value []byte) error {
	time.Sleep(f.latency)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys == nil {
		f.keys = make(map[string]int)
	}
	f.keys[string(key)] = len(value)
	return f.refuse
}

func TestLoadCountsOnlyTheMeasuredTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeSystem{latency: 10 * time.Millisecond}
		m, err := load{clients: 3, size: 7, warmup: time.Second, duration: 2 * time.Second}.run(t.Context(), fake)
		if err != nil {
			t.Fatal(err)
		}
		// Of the 300 writes of each client, the 99 acknowledged before the end of the warm-up and the
		// one acknowledged at the very end of the measured time are not counted.
		if got, want := len(m.latencies), 3*200; got != want {
			t.Errorf("counted %d writes, want %d", got, want)
		}
		if got := m.opsPerSecond(); got != 300 {
			t.Errorf("opsPerSecond() = %v, want 300", got)
		}
		if got := m.percentile(0.99); got != fake.latency {
			t.Errorf("p99 = %v, want %v", got, fake.latency)
		}
		if got := fake.keys["key-0002-000123"]; got != 7 {
			t.Errorf("value of key-0002-000123 has %d bytes, want 7", got)
		}
	})
}

func TestLoadOfANumberOfWritesLastsUntilTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeSystem{latency: 10 * time.Millisecond}
		m, err := load{clients: 4, warmup: time.Second, duration: time.Second, writes: 1002}.run(t.Context(), fake)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.latencies) != 1002 || len(fake.keys) != 1002 {
			t.Errorf("counted %d writes of %d keys, want 1002", len(m.latencies), len(fake.keys))
		}
		// Each of four clients sends the next write after 10 ms: 251 times.
		if m.seconds != 2.51 {
			t.Errorf("they took %v s, want 2.51", m.seconds)
		}
	})
}

func TestLoadWithoutAnyAcknowledgementFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		m, err := load{clients: 2, warmup: time.Second, duration: time.Second}.run(t.Context(), &fakeSystem{refuse: refused})
		if !errors.Is(err, refused) {
			t.Errorf("error = %v, want the system's own", err)
		}
		if m.errors == 0 {
			t.Error("no errors were counted")
		}
	})
}

func TestPercentileIsNearestRank(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	cases := []struct {
		latencies []time.Duration
		p         float64
		want      time.Duration
	}{
		{hundred, 0.50, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
		{hundred[:1], 0.50, 1},
		{hundred[:3], 0.50, 2},
		{hundred[:10], 0.99, 10},
		{nil, 0.50, 0},
	}
	for _, c := range cases {
		if got := (measurement{latencies: c.latencies}).percentile(c.p); got != c.want {
			t.Errorf("percentile(%v) of %d latencies = %d, want %d", c.p, len(c.latencies), got, c.want)
		}
	}
}

func TestRandomValueIsTheSameInEachRun(t *testing.T) {
	if got, again := fmt.Sprintf("%x", randomValue(5, 8)), fmt.Sprintf("%x", randomValue(5, 8)); got != again {
		t.Errorf("randomValue(5, 8) = %s, then %s", got, again)
	}
	if first, second := string(randomValue(1, 64)), string(randomValue(2, 64)); strings.EqualFold(first, second) {
		t.Error("two clients have the same value")
	}
}
