package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/courier"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/logsink"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/restarts"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Host is one running member of a cluster.
type Host struct {
	cfg      Config
	logger   *slog.Logger
	relay    *logsink.Relay // under logger; nil if that does not wait by itself
	catalog  *catalog.Catalog
	slots    map[plugins.Kind]*catalog.Slot // of the state machine
	storage  atomic.Pointer[storagePlace]   // the one in force
	moving   atomic.Pointer[storageMove]    // the last move of the store; nil if there was none
	server   *server.Server
	api      *api.Server
	machine  *machineSource
	courier  *courier.Courier
	identity *identity
	audit    *audit.Log      // nil if none is kept
	classes  *access.Classes // of commands and queries; nil if clients have no roles

	certificates *certificates

	restarting      sync.Mutex             // one plugin at a time is restarted as asked
	storageRestarts chan *restarts.Restart // to superviseStorage
	storageMoves    chan *storageMove      // to it too

	incarnation atomic.Uint64
	stored      atomic.Uint64                  // the highest index that was ever durable here
	removal     atomic.Pointer[member.Removed] // of this member, as its own log says
	removals    removalWords                   // what peers say of that

	mu         sync.Mutex
	started    bool
	stopped    bool
	generation *generation
	err        error

	life      context.Context // ends when the host begins to end
	endLife   context.CancelFunc
	endsSince time.Time // when life has ended; set before
	endOnce   sync.Once
	keepers   sync.WaitGroup // those who restart plugins
	serving   sync.WaitGroup // the API, which may have a call that does not end
	wg        sync.WaitGroup // everything else
	stopOnce  sync.Once
	stopErr   error
	booted    chan struct{} // closed when start has returned
	bootErr   error         // what it returned; set before booted is closed
	dismissed dismissals

	booting     sync.Mutex
	bootGivenUp bool          // the stop goes on without the start
	done        chan struct{} // closed when nothing is left
}

// New checks cfg as far as that is possible without starting anything.
func New(cfg Config) (*Host, error) {
	cfg = cfg.WithDefaults()
	if wrong := cfg.OutOfBounds(); len(wrong) > 0 {
		return nil, fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, wrong[0])
	}
	if err := cfg.checkFounders(); err != nil {
		return nil, fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	relay := cfg.relay()
	p, err := cfg.portSettings()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	guard, err := access.New(p.access, cfg.Logger)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	happened := events.New()
	cfg.Logger = slog.New(happened.Handler(cfg.Logger.Handler()))
	cfg.Metrics.MustRegister(newEventCounts(happened))
	timings := server.NewTimings()
	c, err := catalog.New(catalog.Options{
		Logger: cfg.Logger, RuntimeDir: cfg.RuntimeDir, Backends: cfg.Backends,
		Executable: cfg.Executable, Limits: cfg.Limits, Version: cfg.Version,
		ProbeInterval: max(cfg.Election/4, 250*time.Millisecond), ProbeTimeout: max(cfg.Election/2, 500*time.Millisecond),
		Calls: func(kind plugins.Kind, method string) catalog.Observer { return timings.PluginCall(kind, method) },
	})
	if err != nil {
		return nil, err
	}
	h := &Host{
		cfg: cfg, logger: cfg.Logger, relay: relay, catalog: c, slots: map[plugins.Kind]*catalog.Slot{},
		booted: make(chan struct{}), done: make(chan struct{}), storageRestarts: make(chan *restarts.Restart), storageMoves: make(chan *storageMove),
	}
	h.life, h.endLife = context.WithCancel(context.Background())
	h.identity = newIdentity(h)
	if h.audit, err = newAudit(&cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err), c.Close())
	}
	h.certificates = newCertificates(&cfg, func() map[string]string { return h.api.RefusedCertificates() })
	cfg.Metrics.MustRegister(h.certificates, newRefusedHandshakes(func() map[string]uint64 { return h.api.RefusedHandshakes() }))
	if err := h.makeSlots(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	h.machine = &machineSource{h: h}
	if guard != nil {
		h.classes = access.NewClasses()
	}
	rehearse, err := h.rehearsal()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	h.server = server.New(server.Config{
		ClusterID: cfg.ClusterID, ID: cfg.self(), Name: cfg.Name, Version: cfg.Version,
		Tick: cfg.Tick, Election: cfg.Election, Limits: cfg.Limits,
		MaxValueBytes: cfg.MaxValueBytes, MaxPending: cfg.MaxPending, MaxPendingBytes: cfg.MaxPendingBytes,
		SnapshotEntries: cfg.SnapshotEntries, SnapshotBytes: cfg.SnapshotBytes, CatchUpEntries: cfg.CatchUpEntries,
		CatchUpBytes: cfg.CatchUpBytes,
		Rehearse:     rehearse, RehearseAll: cfg.RehearseSnapshots,
		StateMachine: h.machine, Plugins: h.pluginStatus, PluginLines: h.pluginLines, RestartPlugin: h.restartPlugin, UpgradePlugin: h.upgradePlugin,
		MoveStorage: h.moveStorage, StorageMove: h.storageMoveStatus,
		MachineOnTrial: h.slots[plugins.StateMachine].OnTrial, Links: h.links, Ping: h.courier.Ping, Fitness: h.unfit, Appends: h.unfinishedAppends, Logger: cfg.Logger, Metrics: cfg.Metrics, Timings: timings,
		NoteParting:  func(index uint64, how string) { h.identity.pins.part(index, how) },
		Certificates: func() []server.Warning { return h.certificates.warnings(time.Now()) },
		Log:          cfg.Log, Access: guard, Audit: h.audit, RefusedConnections: func() uint64 { return h.api.RefusedConnections() }, Late: c.Late, Exposed: h.courier.Exposed,
	})
	h.api = api.New(api.Options{
		Service: h.server, Refusals: h.server.Refusals(), Logger: cfg.Logger, Gatherer: newScrape(cfg.Metrics, h.pluginMetrics, cfg.Logger), Version: cfg.Version,
		Limits: api.Limits{
			MaxValueBytes: cfg.MaxValueBytes, MaxConnections: cfg.MaxConnections,
			MaxPending: cfg.MaxPending, MaxPendingBytes: cfg.MaxPendingBytes,
			MaxProposalStreams: cfg.MaxStreams, MaxCalls: cfg.MaxCalls,
		},
		Metrics:   cfg.Metrics,
		HostNames: cfg.HostNames, Access: guard, Classes: h.classes, Audit: h.audit, Events: happened,
		TLS: p.client, Insecure: cfg.ClientInsecure,
		AdminTLS: p.admin, AdminInsecure: cfg.AdminInsecure,
	})
	return h, nil
}

// makeSlots gives every plugin its place.
func (h *Host) makeSlots() (err error) {
	place, err := h.storagePlaceOf(&h.cfg.Storage)
	if err != nil {
		return err
	}
	h.storage.Store(place)
	if h.slots[plugins.StateMachine], err = h.catalog.Slot(h.cfg.StateMachine.spec(plugins.StateMachine)); err != nil {
		return err
	}
	if len(h.cfg.Transports) == 0 {
		return fmt.Errorf("%w: a host needs a transport", plugins.ErrInvalidConfig)
	}
	var transports []courier.Transport
	for i := range h.cfg.Transports {
		t := &h.cfg.Transports[i]
		slot, err := h.catalog.Slot(t.spec(plugins.Transport))
		if err != nil {
			return err
		}
		transports = append(transports, courier.Transport{Slot: slot, Config: t.Config, Listen: t.Listen, Advertise: t.Advertise})
	}
	h.courier = courier.New(courier.Options{
		Host: courierHost{h}, Logger: h.logger, Tick: h.cfg.Tick, Election: h.cfg.Election, Transports: transports,
	})
	h.tellPeers()
	return nil
}

// watchServer ends the host when its server goroutine cannot go on.
func (h *Host) watchServer() {
	<-h.server.Done()
	if err := h.server.Err(); err != nil {
		h.fail(err)
	}
}

// fail records why the host ends, and begins the end. The first reason counts.
func (h *Host) fail(err error) {
	h.mu.Lock()
	if h.err == nil && err != nil {
		h.err = err
	}
	h.mu.Unlock()
	h.endOnce.Do(func() {
		h.endsSince = time.Now()
		h.endLife()
	})
}

// Failed is closed when the host cannot go on, or is being stopped. The caller
// then calls Stop; Err has the reason.
func (h *Host) Failed() <-chan struct{} { return h.life.Done() }

// Done is closed when the host has stopped and nothing of it is left.
func (h *Host) Done() <-chan struct{} { return h.done }

// Err is why the host ended by itself; nil if it was asked to.
func (h *Host) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// Addr is the address for clients, with the real port, from the return of Start on.
// Programs that run a host ask it as every other client does (package client).
func (h *Host) Addr() net.Addr { return h.api.Addr() }

// AdminAddr is the admin address; nil if there is none.
func (h *Host) AdminAddr() net.Addr { return h.api.AdminAddr() }

// current is the generation that runs; nil while the storage is restarting.
func (h *Host) current() *generation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.generation
}

func (h *Host) setGeneration(g *generation) {
	h.mu.Lock()
	h.generation = g
	h.mu.Unlock()
}
