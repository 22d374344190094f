package brokenmachine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// answering are the faults of its hashes, its queries and its answers in chunks.
func answering() map[string]func(*Machine) {
	return map[string]func(*Machine){
		"has one hash for all states": func(b *Machine) { b.hash = func() []byte { return []byte("sound") } },
		"hashes how the entries came": func(b *Machine) {
			batches := 0
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				if len(batch.Entries) > 0 {
					batches++
				}
				return b.Register.Apply(ctx, batch)
			}
			b.hash = func() []byte { return fmt.Appendf(b.Register.StateHash()[:32], "%d", batches) }
		},
		"has another hash in each process": func(b *Machine) {
			salt := rand.Uint64()
			b.hash = func() []byte { return fmt.Appendf(b.Register.StateHash()[:32], "%d", salt) }
		},
		"has an empty hash":      func(b *Machine) { b.hash = func() []byte { return nil } },
		"has a hash of 65 bytes": func(b *Machine) { b.hash = func() []byte { return append(b.Register.StateHash(), 0) } },
		"names a hash with 65 bytes": func(b *Machine) {
			b.describe = func() plugins.Info {
				i := b.Register.Describe()
				i.StateHash = strings.Repeat("h", 65)
				return i
			}
		},
		"answers any query": func(b *Machine) {
			b.query = func(ctx context.Context, q []byte) ([]byte, error) {
				if out, err := b.Register.Query(ctx, q); !errors.Is(err, statemachine.ErrInvalidQuery) {
					return out, err
				}
				return nil, nil
			}
		},
		"answers queries from a cache": func(b *Machine) {
			var cached []byte
			b.query = func(ctx context.Context, q []byte) ([]byte, error) {
				out, err := b.Register.Query(ctx, q)
				if err == nil && cached == nil {
					cached = out
				}
				return cached, err
			}
		},
		"streams what it streamed before": func(b *Machine) {
			var first [][]byte
			b.stream = func(ctx context.Context, q []byte, send func([]byte) error) error {
				kept := first
				err := b.Register.QueryStream(ctx, q, func(chunk []byte) error {
					kept = append(kept, bytes.Clone(chunk))
					return nil
				})
				if err != nil {
					return err
				}
				if first == nil {
					first = kept
				}
				for _, chunk := range first {
					if err := send(chunk); err != nil {
						return err
					}
				}
				return nil
			}
		},
		"streams on without a receiver": func(b *Machine) {
			b.stream = func(ctx context.Context, q []byte, send func([]byte) error) error {
				return b.Register.QueryStream(ctx, q, func(chunk []byte) error {
					_ = send(chunk)
					return nil
				})
			}
		},
		"streams any query": func(b *Machine) {
			b.stream = func(ctx context.Context, q []byte, send func([]byte) error) error {
				if err := b.Register.QueryStream(ctx, q, send); !errors.Is(err, statemachine.ErrInvalidQuery) {
					return err
				}
				return nil
			}
		},
		"streams under the lock of Apply": func(b *Machine) {
			var mu sync.RWMutex
			b.stream = func(ctx context.Context, q []byte, send func([]byte) error) error {
				mu.RLock()
				defer mu.RUnlock()
				return b.Register.QueryStream(ctx, q, send)
			}
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				mu.Lock()
				defer mu.Unlock()
				return b.Register.Apply(ctx, batch)
			}
		},
		"announces streams that it has not": func(b *Machine) {
			b.stream = func(context.Context, []byte, func([]byte) error) error { return statemachine.ErrNoQueryStreams }
		},
	}
}
