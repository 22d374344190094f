package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

const (
	// fillCommands are applied first, as long as they have fillBytes at most: the state whose
	// snapshots are measured.
	fillCommands, fillBytes = 10_000, 16 << 20
	// maxSnapshot is the largest snapshot that is measured: it is held in memory.
	maxSnapshot = 64 << 20
	// batchWindow is how many batches are on their way at once.
	batchWindow = 16
	// largestBatch is the most entries in a batch.
	largestBatch = 256
)

// A machine is a state machine in its process. The entry at index i is command i-1.
type machine struct {
	*place
	in       *catalog.Instance
	sm       statemachine.StateMachine
	applied  int
	snapshot []byte
	// fits tells whether the largest batch is within the limits.
	fits bool
}

// beginMachine opens a state machine, fills it and takes a first answer of each kind.
func beginMachine(ctx context.Context, p *place) (player, error) {
	in, err := p.start(ctx)
	if err != nil {
		return nil, err
	}
	m := &machine{place: p, in: in, sm: in.StateMachine()}
	return m, whyGone(in, m.prepare(ctx))
}

func (m *machine) prepare(ctx context.Context) error {
	options, err := m.options(m.dir, identity)
	if err != nil {
		return err
	}
	return inTime(ctx, openTime, func(ctx context.Context) error {
		applied, err := m.sm.Open(ctx, options)
		if err == nil && applied != 0 {
			err = fmt.Errorf("its state in an empty directory is of index %d", applied)
		}
		if err != nil {
			return err
		}
		m.fits = m.sized(largestBatch)
		if err := m.fill(ctx); err != nil {
			return err
		}
		if m.c.Query != nil {
			if _, err := m.sm.Query(ctx, m.c.Query); err != nil {
				return fmt.Errorf("the query %q: %w", brief(m.c.Query), err)
			}
		}
		return m.take(ctx)
	})
}

// sized tells whether a batch of so many commands is within what a host sends.
func (m *machine) sized(n int) bool {
	sum := 0
	for i := range n {
		sum += len(m.c.Command(i)) + 16 // the number in a command grows
	}
	return uint64(sum) <= limits().BatchBytes()
}

func (m *machine) fill(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a, err := statemachine.OpenApplier(ctx, m.sm)
	if err != nil {
		return err
	}
	size := 1
	if m.fits {
		size = largestBatch
	}
	for sum := 0; m.applied < fillCommands && sum < fillBytes; {
		b := m.next(size)
		if err := a.Submit(b, false); err != nil {
			return err
		}
		out, err := a.Recv()
		if err != nil {
			return err
		}
		if err := m.accepted(b, out.Results); err != nil {
			return err
		}
		sum += bytesOf(b)
	}
	if err := a.Close(); err != nil {
		return err
	}
	if _, err := a.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the end of the commands: %w", err)
	}
	return nil
}

// take keeps a snapshot, to restore it.
func (m *machine) take(ctx context.Context) error {
	var kept bytes.Buffer
	err := m.save(ctx, &limited{w: &kept, left: maxSnapshot})
	m.snapshot, m.snapshotBytes = kept.Bytes(), kept.Len()
	return err
}

// next is the next batch.
func (m *machine) next(size int) statemachine.Batch {
	b := statemachine.Batch{Entries: make([]statemachine.Entry, size)}
	for i := range b.Entries {
		b.Entries[i] = statemachine.Entry{Index: uint64(m.applied + 1), Term: 1, Data: m.c.Command(m.applied)}
		m.applied++
	}
	b.Through = uint64(m.applied)
	return b
}

func bytesOf(b statemachine.Batch) (sum int) {
	for i := range b.Entries {
		sum += len(b.Entries[i].Data)
	}
	return sum
}

// accepted is an error if a command was refused: a refusal costs less than a change.
func (m *machine) accepted(b statemachine.Batch, results []statemachine.Result) error {
	if len(results) != len(b.Entries) {
		return fmt.Errorf("%d commands have %d results", len(b.Entries), len(results))
	}
	for i, r := range results {
		switch {
		case r.Skipped:
			return fmt.Errorf("it says that entry %d was applied before", b.Entries[i].Index)
		case r.Error != "" && m.c.Random:
			return fmt.Errorf("it refused random bytes: %s; give a file with commands that it accepts, one in each line, with --commands", r.Error)
		case r.Error != "":
			return fmt.Errorf("it refused command %d, %q: %s; the commands must be accepted however often the list is taken",
				b.Entries[i].Index, brief(b.Entries[i].Data), r.Error)
		}
	}
	return nil
}

func (m *machine) measurements() []measurement {
	all := []measurement{
		{name: "query", unit: "queries/s", run: m.query},
		{name: "snapshot, save", unit: "snapshots/s", run: m.saves},
		{name: "snapshot, restore", unit: "snapshots/s", run: m.restores},
	}
	if m.c.Query == nil {
		all[0].skip = "there is no query: the hint observe has one"
	}
	for _, size := range []int{1, 16, largestBatch} {
		one := measurement{name: fmt.Sprintf("apply, batches of %d", size), unit: "entries/s"}
		one.run = func(ctx context.Context, slice time.Duration) (float64, error) { return m.apply(ctx, size, slice) }
		if size > 1 && !m.sized(size) {
			one.skip = fmt.Sprintf("%d commands have more bytes than a batch may have, %d", size, limits().BatchBytes())
		}
		all = append(all, one)
	}
	return all
}

func (m *machine) query(ctx context.Context, slice time.Duration) (float64, error) {
	return repeat(ctx, slice, sliceEntries, func(ctx context.Context) (float64, error) {
		return 1, inTime(ctx, callTime, func(ctx context.Context) error {
			_, err := m.sm.Query(ctx, m.c.Query)
			return err
		})
	})
}

func (m *machine) saves(ctx context.Context, slice time.Duration) (float64, error) {
	return repeat(ctx, slice, sliceEntries, func(ctx context.Context) (float64, error) { return 1, m.save(ctx, io.Discard) })
}

// save writes a snapshot.
func (m *machine) save(ctx context.Context, w io.Writer) error {
	return inTime(ctx, 10*callTime, func(ctx context.Context) error {
		snap, err := m.sm.PrepareSnapshot(ctx)
		if err != nil {
			return err
		}
		defer snap.Release()
		return snap.Save(ctx, w)
	})
}

// restores restores the snapshot of the present state.
func (m *machine) restores(ctx context.Context, slice time.Duration) (float64, error) {
	return repeat(ctx, slice, sliceEntries, func(ctx context.Context) (float64, error) {
		return 1, inTime(ctx, 10*callTime, func(ctx context.Context) error {
			return m.sm.Restore(ctx, uint64(m.applied), bytes.NewReader(m.snapshot))
		})
	})
}

// apply measures batches that are submitted while earlier ones are on their way.
func (m *machine) apply(ctx context.Context, size int, slice time.Duration) (rate float64, err error) {
	err = inTime(ctx, slice+callTime, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		a, err := statemachine.OpenApplier(ctx, m.sm)
		if err != nil {
			return err
		}
		meter, submitted := newMeter(slice), make(chan statemachine.Batch, batchWindow)
		ended := make(chan error, 1)
		go func() { ended <- m.submit(ctx, a, size, meter, submitted) }()
		err = m.receive(a, meter, submitted)
		if err != nil {
			cancel()
		}
		if other := <-ended; err == nil {
			err = other
		}
		rate = meter.rate()
		return err
	})
	return rate, whyGone(m.in, err)
}

// submit hands over batches until the slice has passed.
func (m *machine) submit(ctx context.Context, a statemachine.Applier, size int, meter *meter, submitted chan<- statemachine.Batch) error {
	for sum := 0; ; {
		b := m.next(size)
		select {
		case submitted <- b:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), a.Close())
		}
		if err := a.Submit(b, false); err != nil {
			return errors.Join(err, a.Close())
		}
		if sum += bytesOf(b); meter.over() || sum >= sliceBytes {
			return a.Close()
		}
	}
}

// receive takes the outcomes, one for each batch.
func (m *machine) receive(a statemachine.Applier, meter *meter, submitted <-chan statemachine.Batch) error {
	for {
		out, err := a.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b := <-submitted
		meter.add(float64(len(b.Entries)))
		if err := m.accepted(b, out.Results); err != nil {
			return err
		}
	}
}

func (m *machine) close(ctx context.Context) error {
	return errors.Join(m.sm.Close(ctx), m.in.Stop(ctx))
}

// brief is the beginning of data, for a message.
func brief(data []byte) []byte { return data[:min(len(data), 64)] }

// limited is an error when more is written than it may.
type limited struct {
	w    io.Writer
	left int
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, fmt.Errorf("the snapshot of %d commands has more than %d bytes", fillCommands, maxSnapshot)
	}
	return l.w.Write(p)
}
