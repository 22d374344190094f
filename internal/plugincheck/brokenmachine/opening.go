package brokenmachine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// opening are the faults of what it says of itself, and how it opens and ends.
func opening() map[string]func(*Machine) {
	return map[string]func(*Machine){
		"nothing": func(*Machine) {},
		"describes another kind": func(b *Machine) {
			b.describe = func() plugins.Info { i := b.Register.Describe(); i.Kind = plugins.Storage; return i }
		},
		"has a name that is a path": func(b *Machine) {
			b.describe = func() plugins.Info { i := b.Register.Describe(); i.Name = "../" + i.Name; return i }
		},
		"ignores its config": func(b *Machine) {
			b.open = func(ctx context.Context, o plugins.Options) (uint64, error) {
				o.Config = nil
				return b.Register.Open(ctx, o)
			}
		},
		"serves a second group": func(b *Machine) {
			b.open = func(ctx context.Context, o plugins.Options) (uint64, error) {
				applied, err := b.Register.Open(ctx, o)
				if errors.Is(err, plugins.ErrInvalidArgument) {
					return b.Applied(), nil
				}
				return applied, err
			}
		},
		"lets readers propose": func(b *Machine) {
			b.classes = func() []statemachine.Class { return oneClass("admin:", statemachine.RoleRead) }
		},
		"changes its classes": func(b *Machine) {
			calls := 0
			b.classes = func() []statemachine.Class {
				calls++
				return oneClass(strings.Repeat("a", calls), statemachine.RoleAdminister)
			}
		},
		"classes by what it has applied": func(b *Machine) {
			b.classes = func() []statemachine.Class {
				if b.Applied() > 0 {
					return nil
				}
				return oneClass("admin:", statemachine.RoleAdminister)
			}
		},
		"classes by chance": func(b *Machine) {
			prefix := fmt.Sprintf("%p", b)
			b.classes = func() []statemachine.Class { return oneClass(prefix, statemachine.RoleAdminister) }
		},
		"refuses a second Close": func(b *Machine) {
			calls := 0
			b.closeIt = func(ctx context.Context) error {
				if calls++; calls > 1 {
					return plugins.ErrClosed
				}
				return b.Register.Close(ctx)
			}
		},
		"announces a format that is none": func(b *Machine) {
			b.describe = func() plugins.Info {
				i := b.Register.Describe()
				i.SnapshotFormats.Readable = []uint32{0}
				return i
			}
		},
		"announces versions that are none": func(b *Machine) {
			b.describe = func() plugins.Info {
				i := b.Register.Describe()
				i.CommandVersions = plugins.Versions{Least: 2, Greatest: 1}
				return i
			}
		},
	}
}
