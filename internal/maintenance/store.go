package maintenance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/storecopy"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// Node says whose store it is and with which plugin it is opened.
type Node struct {
	ClusterID, NodeID uint64
	// StoreID is the id of a store that is made; 0 for a random one.
	StoreID        uint64
	Name           string
	Limits         plugins.Limits
	Tick, Election time.Duration
	// Spec and Config are those of the storage plugin; Backends are what the
	// host ships. RuntimeDir is for the sockets of the plugin's process.
	Spec       catalog.Spec
	Config     []byte
	Backends   []backend.Backend
	RuntimeDir string
}

// group is the number of the one Raft group that a host runs.
const group = 1

// options are those of the Open of a store in dir.
func (n Node) options(dir string) plugins.Options {
	o := plugins.Options{
		Config: n.Config, StoreID: n.StoreID, ClusterID: n.ClusterID, NodeID: n.NodeID, NodeName: n.Name, Group: group,
		Incarnation: uint64(time.Now().UnixNano()), DataDir: dir, Limits: n.Limits, Tick: n.Tick, Election: n.Election,
	}
	if o.Tick <= 0 {
		o.Tick, o.Election = defaults.Tick, defaults.Election
	}
	if o.Limits == (plugins.Limits{}) {
		o.Limits = plugins.ProtocolLimits(defaults.MaxBatchBytes, defaults.MaxChunkBytes)
	}
	return o
}

// Store is an open store.
type Store struct {
	storage.Storage
	// State is what Open answered, and Notes are the warnings and errors it
	// logged: a torn tail, a snapshot that cannot be used.
	State storage.State
	Notes []string
	end   func(context.Context) error
}

// Release closes the store and ends its plugin's process, if it has one.
func (s *Store) Release() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.end(ctx)
}

// opened is the store for what copies and compares.
func (s *Store) opened() storecopy.Store { return storecopy.Store{Storage: s.Storage, State: s.State} }

// OpenToRead opens the store in place. A store of wal needs no node: its files
// say whose it is, and they are not changed. Any other is opened by the plugin that
// node names, and recovers itself as it would for a host.
func OpenToRead(ctx context.Context, place Place, node *Node) (*Store, error) {
	if place.Backend == wal.Name {
		return openWAL(ctx, place.Dir, wal.NewOffline, nil)
	}
	if node == nil {
		return nil, fmt.Errorf("%w: %s has data of the backend %q, which its plugin must open: give --config",
			ErrRefused, place.Dir, orUnknown(place.Backend))
	}
	if err := place.mustBeOf(node); err != nil {
		return nil, err
	}
	return OpenWithPlugin(ctx, place.Dir, *node)
}

func orUnknown(name string) string { return cmp.Or(name, "unknown") }

// openWAL opens a store of wal in this process.
func openWAL(ctx context.Context, dir string, create func(backend.Env) storage.Storage, config []byte) (*Store, error) {
	id, err := wal.ReadIdentity(dir)
	if err != nil {
		return nil, classify(err)
	}
	notes := &noteTaker{}
	s := create(backend.Env{Logger: slog.New(notes)})
	n := Node{ClusterID: id.ClusterID, NodeID: id.NodeID, Name: "an offline tool", Config: config}
	opts := n.options(dir)
	opts.Group = id.Group
	state, err := s.Open(ctx, opts)
	if err != nil {
		return nil, classify(errors.Join(err, s.Close(ctx)))
	}
	return &Store{Storage: s, State: state, Notes: notes.take(), end: s.Close}, nil
}

// OpenWithPlugin opens the store in dir, which is made if it is missing, as a host
// would: in the plugin's process, for writing.
func OpenWithPlugin(ctx context.Context, dir string, node Node) (*Store, error) {
	if err := vfs.MakeOSDir(dir); err != nil {
		return nil, err
	}
	notes := &noteTaker{}
	c, err := catalog.New(catalog.Options{
		Logger: slog.New(notes), Backends: node.Backends, RuntimeDir: node.RuntimeDir, Limits: node.options(dir).Limits,
	})
	if err != nil {
		return nil, err
	}
	s, err := startStore(ctx, c, dir, node)
	if err != nil {
		return nil, errors.Join(classify(err), c.Close())
	}
	s.Notes = notes.take()
	return s, nil
}

func startStore(ctx context.Context, c *catalog.Catalog, dir string, node Node) (*Store, error) {
	node.Spec.Kind = plugins.Storage
	slot, err := c.Slot(node.Spec)
	if err != nil {
		return nil, err
	}
	in, err := slot.Start(ctx)
	if err != nil {
		return nil, err
	}
	opts := node.options(dir)
	if filepath.Base(dir) == string(plugins.Storage) {
		opts.Incarnation = datadir.OfflineIncarnation(filepath.Dir(dir), opts.Incarnation)
	}
	state, err := in.Storage().Open(ctx, opts)
	if err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, in.Stop(stop))
	}
	end := func(ctx context.Context) error { return errors.Join(in.Stop(ctx), c.Close()) }
	return &Store{Storage: in.Storage(), State: state, end: end}, nil
}

// noteTaker is a slog handler that keeps the texts of warnings and errors.
type noteTaker struct {
	mu    sync.Mutex
	notes []string
}

func (h *noteTaker) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

func (h *noteTaker) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(", %s %v", a.Key, a.Value)
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, text)
	return nil
}

func (h *noteTaker) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *noteTaker) WithGroup(string) slog.Handler      { return h }

func (h *noteTaker) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.notes...)
}
