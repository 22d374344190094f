package brokenmachine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// applying are the faults of what it does with entries.
func applying() map[string]func(*Machine) {
	return map[string]func(*Machine){
		"loses a result": func(b *Machine) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result { return r[:max(0, len(r)-1)] })
		},
		"exchanges results": func(b *Machine) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result { slices.Reverse(r); return r })
		},
		"applies entries again": func(b *Machine) {
			shift := uint64(0)
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				for i := range batch.Entries {
					if batch.Entries[i].Index <= b.Applied() {
						shift = b.Applied()
					}
					batch.Entries[i].Index += shift
				}
				batch.Through += shift
				return b.Register.Apply(ctx, batch)
			}
		},
		"answers a skipped entry as if applied": func(b *Machine) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result {
				for i := range r {
					r[i].Skipped = false
				}
				return r
			})
		},
		"depends on how the log is cut": func(b *Machine) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result {
				if len(r) > 0 {
					r[0].Data = fmt.Appendf(nil, "%d of %d", 1, len(r))
				}
				return r
			})
		},
		"reuses the memory of results": func(b *Machine) {
			var buf [8]byte
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result {
				for i := range r {
					r[i].Data = buf[:copy(buf[:], r[i].Data)]
				}
				return r
			})
		},
		"writes to the data of entries": func(b *Machine) {
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				for _, e := range batch.Entries {
					if len(e.Data) > 0 {
						e.Data[0] ^= 0x20
					}
				}
				return b.Register.Apply(ctx, batch)
			}
		},
		"applies nothing of which no client is to hear": func(b *Machine) {
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				if batch.NoResults {
					return make([]statemachine.Result, len(batch.Entries)), nil
				}
				return b.Register.Apply(ctx, batch)
			}
		},
		"cuts long results": func(b *Machine) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result {
				for i := range r {
					r[i].Data = r[i].Data[:min(len(r[i].Data), 64<<10)]
				}
				return r
			})
		},
		"reads a clock of its own": func(b *Machine) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result {
				for i := range r {
					r[i].Data = fmt.Append(r[i].Data, time.Now().UnixNano())
				}
				return r
			})
		},
		"loses the time of entries": func(b *Machine) {
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				for i := range batch.Entries {
					batch.Entries[i].Time = 0
				}
				return b.Register.Apply(ctx, batch)
			}
		},
		"goes by its own version": func(b *Machine) {
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				batch.Version = b.Describe().CommandVersions.Greatest
				return b.Register.Apply(ctx, batch)
			}
		},
		"stays at the version that it began with": func(b *Machine) {
			var first *uint32
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				if first == nil {
					first = &batch.Version
				}
				batch.Version = *first
				return b.Register.Apply(ctx, batch)
			}
		},
	}
}

func changeResults(b *Machine, change func([]statemachine.Result) []statemachine.Result) func(context.Context, statemachine.Batch) ([]statemachine.Result, error) {
	return func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
		results, err := b.Register.Apply(ctx, batch)
		if err != nil {
			return nil, err
		}
		return change(results), nil
	}
}
