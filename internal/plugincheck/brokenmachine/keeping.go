package brokenmachine

import (
	"context"

	"github.com/pontoon-raft/pontoon/plugins"
)

// keeping are the faults of what it keeps on disk.
func keeping() map[string]func(*Machine) {
	return map[string]func(*Machine){
		"says too early what is durable": func(b *Machine) { b.durable = b.Applied },
		"says what is durable before it is applied": func(b *Machine) {
			b.durable = func() uint64 { return b.Applied() + 1 }
		},
		"takes back what was durable": func(b *Machine) {
			calls := 0
			b.durable = func() uint64 {
				calls++
				return b.Register.DurableIndex() / uint64(1+calls%2)
			}
		},
		"does nothing at Sync": func(b *Machine) {
			synced := uint64(0)
			b.durable = func() uint64 { return synced }
			b.sync = func(context.Context) (uint64, error) { synced = b.Applied(); return synced, nil }
		},
		"syncs what was applied a while ago": func(b *Machine) {
			b.sync = func(context.Context) (uint64, error) { return b.Register.DurableIndex(), nil }
		},
		"finds another index than its state has": func(b *Machine) {
			b.open = func(ctx context.Context, o plugins.Options) (uint64, error) {
				applied, err := b.Register.Open(ctx, o)
				return applied - min(applied, 1), err
			}
		},
		"restores in two steps":          func(b *Machine) { b.TearRestores() },
		"does not sync what it restores": func(b *Machine) { b.ForgetRestores() },
	}
}
