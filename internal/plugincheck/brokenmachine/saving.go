package brokenmachine

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// saving are the faults of its snapshots.
func saving() map[string]func(*Machine) {
	return map[string]func(*Machine){
		"saves later entries too": func(b *Machine) {
			b.prepare = changeSnapshots(b, func(s lateSnapshot) statemachine.Snapshot { return s })
		},
		"says a wrong index": func(b *Machine) {
			b.prepare = changeSnapshots(b, func(s lateSnapshot) statemachine.Snapshot { return wrongIndex{s.Snapshot} })
		},
		"swallows errors of the writer": func(b *Machine) {
			b.prepare = changeSnapshots(b, func(s lateSnapshot) statemachine.Snapshot { return deafSave{s.Snapshot} })
		},
		"ends its snapshots early": func(b *Machine) {
			b.prepare = changeSnapshots(b, func(s lateSnapshot) statemachine.Snapshot { return cutSave{s.Snapshot, 0} })
		},
		"ends large snapshots early": func(b *Machine) {
			b.prepare = changeSnapshots(b, func(s lateSnapshot) statemachine.Snapshot { return cutSave{s.Snapshot, 256 << 10} })
		},
		"restores anything": func(b *Machine) {
			b.restore = func(ctx context.Context, index uint64, r io.Reader) error {
				if err := b.Register.Restore(ctx, index, r); !errors.Is(err, statemachine.ErrBadSnapshot) {
					return err
				}
				return nil
			}
		},
		"reads a part of the snapshot": func(b *Machine) {
			b.restore = func(ctx context.Context, index uint64, r io.Reader) error {
				raw, _ := io.ReadAll(r)
				return b.Register.Restore(ctx, index, bytes.NewReader(raw[:len(raw)/2]))
			}
		},
		"keeps the old state at a restore": func(b *Machine) {
			b.restore = func(ctx context.Context, index uint64, r io.Reader) error {
				if b.Applied() > 0 {
					return nil
				}
				return b.Register.Restore(ctx, index, r)
			}
		},
	}
}

func changeSnapshots(b *Machine, change func(lateSnapshot) statemachine.Snapshot) func(context.Context) (statemachine.Snapshot, error) {
	return func(ctx context.Context) (statemachine.Snapshot, error) {
		s, err := b.Register.PrepareSnapshot(ctx)
		if err != nil {
			return nil, err
		}
		return change(lateSnapshot{s, b.Register}), nil
	}
}

// lateSnapshot is taken when it is saved.
type lateSnapshot struct {
	statemachine.Snapshot
	register *statemachinetest.Register
}

func (s lateSnapshot) Save(ctx context.Context, w io.Writer) error {
	now, err := s.register.PrepareSnapshot(ctx)
	if err != nil {
		return err
	}
	return now.Save(ctx, w)
}

type wrongIndex struct{ statemachine.Snapshot }

func (s wrongIndex) Index() uint64 { return s.Snapshot.Index() + 1 }

type deafSave struct{ statemachine.Snapshot }

func (s deafSave) Save(ctx context.Context, w io.Writer) error {
	_ = s.Snapshot.Save(ctx, w)
	return nil
}

// cutSave writes half of what is beyond the first bytes, and says that all is
// well.
type cutSave struct {
	statemachine.Snapshot
	whole int
}

func (s cutSave) Save(ctx context.Context, w io.Writer) error {
	var buf bytes.Buffer
	if err := s.Snapshot.Save(ctx, &buf); err != nil {
		return err
	}
	n := buf.Len()
	if n > s.whole {
		n = s.whole + (n-s.whole)/2
	}
	_, err := w.Write(buf.Bytes()[:n])
	return err
}
