package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

const (
	// readEntries are read at a time, in answers of 2 MiB at most.
	readEntries, readBytes = 4096, 2 << 20
	// recoveredEntries are in the store that is opened again and again.
	recoveredEntries = 20_000
	// fillBatch is how many entries are appended at a time before anything is measured.
	fillBatch = 256
)

// A store is a storage in its process.
type store struct {
	*place
	in   *catalog.Instance
	st   storage.Storage
	next uint64 // index
}

// beginStore opens an empty store and fills it with what is read.
func beginStore(ctx context.Context, p *place) (player, error) {
	s, err := p.openStore(ctx, p.dir)
	if err != nil {
		return nil, err
	}
	err = inTime(ctx, openTime, func(ctx context.Context) error {
		if err := s.fill(ctx, readEntries); err != nil {
			return err
		}
		return s.readAll(ctx)
	})
	return s, whyGone(s.in, err)
}

// openStore opens a store in a process of its own.
func (p *place) openStore(ctx context.Context, dir string) (*store, error) {
	in, err := p.start(ctx)
	if err != nil {
		return nil, err
	}
	s := &store{place: p, in: in, st: in.Storage(), next: 1}
	state, err := s.open(ctx, dir)
	if err == nil && state.LastIndex != 0 {
		err = fmt.Errorf("the store in an empty directory has entries up to %d", state.LastIndex)
	}
	return s, err
}

func (s *store) open(ctx context.Context, dir string) (state storage.State, err error) {
	options, err := s.options(dir, identity)
	if err != nil {
		return state, err
	}
	err = inTime(ctx, openTime, func(ctx context.Context) error {
		state, err = s.st.Open(ctx, options)
		return err
	})
	return state, whyGone(s.in, err)
}

// batch is the next batch of entries.
func (s *store) batch(n int) storage.Batch {
	b, data := storage.Batch{Entries: make([]storage.Entry, n), MustSync: true}, make([]byte, entryBytes)
	for i := range b.Entries {
		b.Entries[i] = storage.Entry{Term: 1, Index: s.next, Data: data}
		s.next++
	}
	return b
}

// fill appends n entries.
func (s *store) fill(ctx context.Context, n int) error {
	return s.appending(ctx, func(a *appender) error {
		for left := n; left > 0; left -= fillBatch {
			if err := a.append(s.batch(min(left, fillBatch))); err != nil {
				return err
			}
		}
		return nil
	})
}

// An appender appends one batch after the other.
type appender struct {
	storage.Appender
	sent uint64
}

// append returns when the batch is durable.
func (a *appender) append(b storage.Batch) error {
	if err := a.Send(b); err != nil {
		return err
	}
	a.sent++
	for durable := uint64(0); durable < a.sent; {
		var err error
		if durable, err = a.Recv(); err != nil {
			return err
		}
	}
	return nil
}

// appending lets do have an appender; no other is open at the time, as in a host.
func (s *store) appending(ctx context.Context, do func(*appender) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opened, err := storage.OpenAppender(ctx, s.st)
	if err != nil {
		return err
	}
	if err := do(&appender{Appender: opened}); err != nil {
		return err
	}
	if err := opened.Close(); err != nil {
		return err
	}
	if _, err := opened.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the end of the appends: %w", err)
	}
	return nil
}

func (s *store) measurements() []measurement {
	return []measurement{
		{name: "read", unit: "entries/s", run: s.reads},
		{name: "append and sync, 1 entry", unit: "entries/s", run: s.appends(1)},
		{name: "append and sync, 64 entries", unit: "entries/s", run: s.appends(64)},
		{name: fmt.Sprintf("recovery of %d entries", recoveredEntries), unit: "entries/s", run: s.recoveries},
	}
}

func (s *store) reads(ctx context.Context, slice time.Duration) (float64, error) {
	rate, err := repeat(ctx, slice, 16*sliceEntries, func(ctx context.Context) (float64, error) {
		return readEntries, inTime(ctx, callTime, s.readAll)
	})
	return rate, whyGone(s.in, err)
}

// readAll reads the first entries of the log.
func (s *store) readAll(ctx context.Context) error {
	for next := uint64(1); next <= readEntries; {
		entries, err := s.st.Read(ctx, next, readEntries+1, readBytes)
		if err != nil {
			return err
		}
		if len(entries) == 0 || entries[0].Index != next || len(entries[0].Data) != entryBytes {
			return fmt.Errorf("the read of [%d,%d) gave %d entries, and not from there", next, readEntries+1, len(entries))
		}
		next += uint64(len(entries))
	}
	return nil
}

// appends measures batches of n entries, each of which is durable before the next.
func (s *store) appends(n int) func(context.Context, time.Duration) (float64, error) {
	return func(ctx context.Context, slice time.Duration) (rate float64, err error) {
		err = inTime(ctx, slice+appendTime, func(ctx context.Context) error {
			return s.appending(ctx, func(a *appender) error {
				rate, err = repeat(ctx, slice, sliceEntries, func(context.Context) (float64, error) {
					return float64(n), a.append(s.batch(n))
				})
				return err
			})
		})
		return rate, whyGone(s.in, err)
	}
}

// recoveries measures Open of a store whose process was killed.
func (s *store) recoveries(ctx context.Context, slice time.Duration) (float64, error) {
	if _, err := os.Stat(s.kept); err != nil {
		if err := s.makeKept(ctx); err != nil {
			return 0, err
		}
	}
	entries, took := 0.0, time.Duration(0)
	for began := time.Now(); entries == 0 || time.Since(began) < slice; entries += recoveredEntries {
		d, err := s.recovery(ctx)
		if err != nil {
			return 0, err
		}
		took += d
	}
	return entries / max(took, time.Nanosecond).Seconds(), nil
}

// makeKept makes the store that is recovered, and kills its process.
func (s *store) makeKept(ctx context.Context) error {
	made, err := s.openStore(ctx, filepath.Join(s.kept, "store"))
	if err != nil {
		return err
	}
	err = inTime(ctx, openTime, func(ctx context.Context) error { return made.fill(ctx, recoveredEntries) })
	killed(made.in)
	return whyGone(made.in, err)
}

// recovery opens the store once, and tells how long that took.
func (s *store) recovery(ctx context.Context) (time.Duration, error) {
	in, err := s.start(ctx)
	if err != nil {
		return 0, err
	}
	defer killed(in)
	opened := &store{place: s.place, in: in, st: in.Storage()}
	began := time.Now()
	state, err := opened.open(ctx, filepath.Join(s.kept, "store"))
	took := time.Since(began)
	if err == nil && state.LastIndex != recoveredEntries {
		err = fmt.Errorf("after kill -9 the store has entries up to %d, and %d were acknowledged", state.LastIndex, recoveredEntries)
	}
	return took, err
}

// killed is kill -9, and returns when the process is gone.
func killed(in *catalog.Instance) {
	in.Kill()
	<-in.Done()
}

func (s *store) close(ctx context.Context) error {
	return errors.Join(s.st.Close(ctx), s.in.Stop(ctx))
}
