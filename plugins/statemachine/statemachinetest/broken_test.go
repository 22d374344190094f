package statemachinetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// brokenVariable makes the test binary run the kit on one broken machine.
const brokenVariable = "STATEMACHINETEST_BROKEN"

// broken is a Register with one fault: a method that is set replaces that of
// the Register.
type broken struct {
	*statemachinetest.Register
	open     func(context.Context, plugins.Options) (uint64, error)
	apply    func(context.Context, statemachine.Batch) ([]statemachine.Result, error)
	query    func(context.Context, []byte) ([]byte, error)
	prepare  func(context.Context) (statemachine.Snapshot, error)
	restore  func(context.Context, uint64, io.Reader) error
	closeIt  func(context.Context) error
	describe func() plugins.Info
	classes  func() []statemachine.Class
	stream   func(context.Context, []byte, func([]byte) error) error
	hash     func() []byte
	durable  func() uint64
	sync     func(context.Context) (uint64, error)
}

func (b *broken) Open(ctx context.Context, o plugins.Options) (uint64, error) { return b.open(ctx, o) }

func (b *broken) Apply(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
	return b.apply(ctx, batch)
}
func (b *broken) Query(ctx context.Context, q []byte) ([]byte, error) { return b.query(ctx, q) }
func (b *broken) PrepareSnapshot(ctx context.Context) (statemachine.Snapshot, error) {
	return b.prepare(ctx)
}

func (b *broken) Restore(ctx context.Context, index uint64, r io.Reader) error {
	return b.restore(ctx, index, r)
}
func (b *broken) Close(ctx context.Context) error { return b.closeIt(ctx) }
func (b *broken) Describe() plugins.Info          { return b.describe() }
func (b *broken) Classes() []statemachine.Class   { return b.classes() }

func (b *broken) QueryStream(ctx context.Context, q []byte, send func([]byte) error) error {
	return b.stream(ctx, q, send)
}

func (b *broken) StateHash() []byte { return b.hash() }

func (b *broken) DurableIndex() uint64 { return b.durable() }

func (b *broken) Sync(ctx context.Context) (uint64, error) { return b.sync(ctx) }

func sound(disk *statemachinetest.Disk) *broken {
	r := statemachinetest.NewRegister()
	r.KeepOn(disk)
	r.AnnounceHash("digest")
	r.Announce(plugins.Versions{Greatest: 2})
	return &broken{
		Register: r, open: r.Open, apply: r.Apply, query: r.Query, prepare: r.PrepareSnapshot,
		restore: r.Restore, closeIt: r.Close, describe: r.Describe, stream: r.QueryStream, hash: r.StateHash,
		durable: r.DurableIndex, sync: r.Sync,
		classes: func() []statemachine.Class { return oneClass("admin:", statemachine.RoleAdminister) },
	}
}

func oneClass(prefix string, role statemachine.Role) []statemachine.Class {
	return []statemachine.Class{{Prefix: []byte(prefix), Role: role}}
}

// faults says how to break a machine, by what is wrong with it.
func faults() map[string]func(*broken) {
	return map[string]func(*broken){
		"nothing": func(*broken) {},
		"describes another kind": func(b *broken) {
			b.describe = func() plugins.Info { i := b.Register.Describe(); i.Kind = plugins.Storage; return i }
		},
		"has a name that is a path": func(b *broken) {
			b.describe = func() plugins.Info { i := b.Register.Describe(); i.Name = "../" + i.Name; return i }
		},
		"ignores its config": func(b *broken) {
			b.open = func(ctx context.Context, o plugins.Options) (uint64, error) {
				o.Config = nil
				return b.Register.Open(ctx, o)
			}
		},
		"serves a second group": func(b *broken) {
			b.open = func(ctx context.Context, o plugins.Options) (uint64, error) {
				applied, err := b.Register.Open(ctx, o)
				if errors.Is(err, plugins.ErrInvalidArgument) {
					return b.Applied(), nil
				}
				return applied, err
			}
		},
		"lets readers propose": func(b *broken) {
			b.classes = func() []statemachine.Class { return oneClass("admin:", statemachine.RoleRead) }
		},
		"changes its classes": func(b *broken) {
			calls := 0
			b.classes = func() []statemachine.Class {
				calls++
				return oneClass(strings.Repeat("a", calls), statemachine.RoleAdminister)
			}
		},
		"classes by what it has applied": func(b *broken) {
			b.classes = func() []statemachine.Class {
				if b.Applied() > 0 {
					return nil
				}
				return oneClass("admin:", statemachine.RoleAdminister)
			}
		},
		"classes by chance": func(b *broken) {
			prefix := fmt.Sprintf("%p", b)
			b.classes = func() []statemachine.Class { return oneClass(prefix, statemachine.RoleAdminister) }
		},
		"refuses a second Close": func(b *broken) {
			calls := 0
			b.closeIt = func(ctx context.Context) error {
				if calls++; calls > 1 {
					return plugins.ErrClosed
				}
				return b.Register.Close(ctx)
			}
		},
		"loses a result": func(b *broken) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result { return r[:max(0, len(r)-1)] })
		},
		"exchanges results": func(b *broken) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result { slices.Reverse(r); return r })
		},
		"applies entries again": func(b *broken) {
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
		"answers a skipped entry as if applied": func(b *broken) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result {
				for i := range r {
					r[i].Skipped = false
				}
				return r
			})
		},
		"depends on how the log is cut": func(b *broken) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result {
				if len(r) > 0 {
					r[0].Data = fmt.Appendf(nil, "%d of %d", 1, len(r))
				}
				return r
			})
		},
		"reuses the memory of results": func(b *broken) {
			var buf [8]byte
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result {
				for i := range r {
					r[i].Data = buf[:copy(buf[:], r[i].Data)]
				}
				return r
			})
		},
		"writes to the data of entries": func(b *broken) {
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				for _, e := range batch.Entries {
					if len(e.Data) > 0 {
						e.Data[0] ^= 0x20
					}
				}
				return b.Register.Apply(ctx, batch)
			}
		},
		"applies nothing of which nobody wants to hear": func(b *broken) {
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				if batch.NoResults {
					return make([]statemachine.Result, len(batch.Entries)), nil
				}
				return b.Register.Apply(ctx, batch)
			}
		},
		"cuts long results": func(b *broken) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result {
				for i := range r {
					r[i].Data = r[i].Data[:min(len(r[i].Data), 64<<10)]
				}
				return r
			})
		},
		"reads a clock of its own": func(b *broken) {
			b.apply = changeResults(b, func(r []statemachine.Result) []statemachine.Result {
				for i := range r {
					r[i].Data = fmt.Append(r[i].Data, time.Now().UnixNano())
				}
				return r
			})
		},
		"loses the time of entries": func(b *broken) {
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				for i := range batch.Entries {
					batch.Entries[i].Time = 0
				}
				return b.Register.Apply(ctx, batch)
			}
		},
		"goes by its own version": func(b *broken) {
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				batch.Version = b.Describe().CommandVersions.Greatest
				return b.Register.Apply(ctx, batch)
			}
		},
		"stays at the version that it began with": func(b *broken) {
			var first *uint32
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				if first == nil {
					first = &batch.Version
				}
				batch.Version = *first
				return b.Register.Apply(ctx, batch)
			}
		},
		"announces a format that is none": func(b *broken) {
			b.describe = func() plugins.Info {
				i := b.Register.Describe()
				i.SnapshotFormats.Readable = []uint32{0}
				return i
			}
		},
		"has one hash for all states": func(b *broken) { b.hash = func() []byte { return []byte("sound") } },
		"hashes how the entries came": func(b *broken) {
			batches := 0
			b.apply = func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
				if len(batch.Entries) > 0 {
					batches++
				}
				return b.Register.Apply(ctx, batch)
			}
			b.hash = func() []byte { return fmt.Appendf(b.Register.StateHash()[:32], "%d", batches) }
		},
		"has another hash in each process": func(b *broken) {
			salt := rand.Uint64()
			b.hash = func() []byte { return fmt.Appendf(b.Register.StateHash()[:32], "%d", salt) }
		},
		"has an empty hash":      func(b *broken) { b.hash = func() []byte { return nil } },
		"has a hash of 65 bytes": func(b *broken) { b.hash = func() []byte { return append(b.Register.StateHash(), 0) } },
		"names a hash with 65 bytes": func(b *broken) {
			b.describe = func() plugins.Info {
				i := b.Register.Describe()
				i.StateHash = strings.Repeat("h", 65)
				return i
			}
		},
		"says too early what is durable": func(b *broken) { b.durable = b.Applied },
		"says what is durable before it is applied": func(b *broken) {
			b.durable = func() uint64 { return b.Applied() + 1 }
		},
		"takes back what was durable": func(b *broken) {
			calls := 0
			b.durable = func() uint64 {
				calls++
				return b.Register.DurableIndex() / uint64(1+calls%2)
			}
		},
		"does nothing at Sync": func(b *broken) {
			synced := uint64(0)
			b.durable = func() uint64 { return synced }
			b.sync = func(context.Context) (uint64, error) { synced = b.Applied(); return synced, nil }
		},
		"syncs what was applied a while ago": func(b *broken) {
			b.sync = func(context.Context) (uint64, error) { return b.Register.DurableIndex(), nil }
		},
		"finds another index than its state has": func(b *broken) {
			b.open = func(ctx context.Context, o plugins.Options) (uint64, error) {
				applied, err := b.Register.Open(ctx, o)
				return applied - min(applied, 1), err
			}
		},
		"restores in two steps":          func(b *broken) { b.TearRestores() },
		"does not sync what it restores": func(b *broken) { b.ForgetRestores() },
		"announces versions that are none": func(b *broken) {
			b.describe = func() plugins.Info {
				i := b.Register.Describe()
				i.CommandVersions = plugins.Versions{Least: 2, Greatest: 1}
				return i
			}
		},
		"answers any query": func(b *broken) {
			b.query = func(ctx context.Context, q []byte) ([]byte, error) {
				if out, err := b.Register.Query(ctx, q); !errors.Is(err, statemachine.ErrInvalidQuery) {
					return out, err
				}
				return nil, nil
			}
		},
		"answers queries from a cache": func(b *broken) {
			var cached []byte
			b.query = func(ctx context.Context, q []byte) ([]byte, error) {
				out, err := b.Register.Query(ctx, q)
				if err == nil && cached == nil {
					cached = out
				}
				return cached, err
			}
		},
		"streams what it streamed before": func(b *broken) {
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
		"streams on without a receiver": func(b *broken) {
			b.stream = func(ctx context.Context, q []byte, send func([]byte) error) error {
				return b.Register.QueryStream(ctx, q, func(chunk []byte) error {
					_ = send(chunk)
					return nil
				})
			}
		},
		"streams any query": func(b *broken) {
			b.stream = func(ctx context.Context, q []byte, send func([]byte) error) error {
				if err := b.Register.QueryStream(ctx, q, send); !errors.Is(err, statemachine.ErrInvalidQuery) {
					return err
				}
				return nil
			}
		},
		"streams under the lock of Apply": func(b *broken) {
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
		"announces streams that it has not": func(b *broken) {
			b.stream = func(context.Context, []byte, func([]byte) error) error { return statemachine.ErrNoQueryStreams }
		},
		"saves later entries too": func(b *broken) {
			b.prepare = changeSnapshots(b, func(s lateSnapshot) statemachine.Snapshot { return s })
		},
		"says a wrong index": func(b *broken) {
			b.prepare = changeSnapshots(b, func(s lateSnapshot) statemachine.Snapshot { return wrongIndex{s.Snapshot} })
		},
		"swallows errors of the writer": func(b *broken) {
			b.prepare = changeSnapshots(b, func(s lateSnapshot) statemachine.Snapshot { return deafSave{s.Snapshot} })
		},
		"ends its snapshots early": func(b *broken) {
			b.prepare = changeSnapshots(b, func(s lateSnapshot) statemachine.Snapshot { return cutSave{s.Snapshot, 0} })
		},
		"ends large snapshots early": func(b *broken) {
			b.prepare = changeSnapshots(b, func(s lateSnapshot) statemachine.Snapshot { return cutSave{s.Snapshot, 256 << 10} })
		},
		"restores anything": func(b *broken) {
			b.restore = func(ctx context.Context, index uint64, r io.Reader) error {
				if err := b.Register.Restore(ctx, index, r); !errors.Is(err, statemachine.ErrBadSnapshot) {
					return err
				}
				return nil
			}
		},
		"reads a part of the snapshot": func(b *broken) {
			b.restore = func(ctx context.Context, index uint64, r io.Reader) error {
				raw, _ := io.ReadAll(r)
				return b.Register.Restore(ctx, index, bytes.NewReader(raw[:len(raw)/2]))
			}
		},
		"keeps the old state at a restore": func(b *broken) {
			b.restore = func(ctx context.Context, index uint64, r io.Reader) error {
				if b.Applied() > 0 {
					return nil
				}
				return b.Register.Restore(ctx, index, r)
			}
		},
	}
}

func changeResults(b *broken, change func([]statemachine.Result) []statemachine.Result) func(context.Context, statemachine.Batch) ([]statemachine.Result, error) {
	return func(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
		results, err := b.Register.Apply(ctx, batch)
		if err != nil {
			return nil, err
		}
		return change(results), nil
	}
}

func changeSnapshots(b *broken, change func(lateSnapshot) statemachine.Snapshot) func(context.Context) (statemachine.Snapshot, error) {
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

// The kit fails each of the broken machines, and not the one that is sound.
func TestTheKitFailsBrokenMachines(t *testing.T) {
	if name := os.Getenv(brokenVariable); name != "" {
		disk := statemachinetest.NewDisk()
		h := statemachinetest.RegisterHarness(func(testing.TB) statemachine.StateMachine {
			b := sound(disk)
			faults()[name](b)
			return b
		})
		h.Durable = true
		h.Kill = func(_ testing.TB, sm statemachine.StateMachine) { sm.(*broken).Crash() }
		h.LosePower = func(_ testing.TB, sm statemachine.StateMachine) { sm.(*broken).LosePower() }
		statemachinetest.Run(t, h)
		return
	}
	for name := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheKitFailsBrokenMachines$")
			cmd.Env = append(os.Environ(), brokenVariable+"="+name)
			out, err := cmd.CombinedOutput()
			if passed := err == nil; passed != (name == "nothing") {
				t.Fatalf("passed: %t\n%s", passed, out)
			}
			if err != nil && (strings.Contains(string(out), "panic:") || !strings.Contains(string(out), "--- FAIL")) {
				t.Fatalf("it ended in another way than by a failed test:\n%s", out)
			}
			if err != nil && !rule.Named(string(out), "SM") {
				t.Errorf("it names no rule:\n%s", out)
			}
		})
	}
}
