package bench

import (
	"context"
	"time"
)

// A meter makes a rate of what comes within a slice of time. The first fifth warms up.
type meter struct {
	began        time.Time
	slice        time.Duration
	base, last   time.Time // of what counts: its beginning, and its last part
	all, counted float64
}

func newMeter(slice time.Duration) *meter {
	now := time.Now()
	return &meter{began: now, slice: slice, base: now, last: now}
}

// over tells whether the slice has passed. It may be called beside the other methods.
func (m *meter) over() bool { return time.Since(m.began) >= m.slice }

// add counts units that have just come.
func (m *meter) add(units float64) {
	m.last = time.Now()
	m.all += units
	if m.last.Sub(m.began) < m.slice/5 {
		m.base = m.last
		return
	}
	m.counted += units
}

// rate is what came in a second. If all of it came while the meter warmed up, that counts.
func (m *meter) rate() float64 {
	if m.counted > 0 && m.last.After(m.base) {
		return m.counted / m.last.Sub(m.base).Seconds()
	}
	return m.all / max(m.last.Sub(m.began), time.Nanosecond).Seconds()
}

// repeat measures op, again and again for a slice, or until there were most units. It makes at
// least one call, and op says what it has done.
func repeat(ctx context.Context, slice time.Duration, most float64, op func(context.Context) (units float64, err error)) (float64, error) {
	m := newMeter(slice)
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		units, err := op(ctx)
		if err != nil {
			return 0, err
		}
		if m.add(units); m.over() || m.all >= most {
			return m.rate(), nil
		}
	}
}
