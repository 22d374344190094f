package bench

import (
	"context"
	"os"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/internal/plugincheck/lane"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A Contestant is a plugin and what it is asked for.
type Contestant struct {
	Spec catalog.Spec
	// Config is the config section that it is opened with.
	Config []byte
	// Command is the i-th command of a state machine, from 0, which accepts all of them in
	// this order. Random says that they are random bytes. Query is a query that it answers;
	// none if nil.
	Command func(i int) []byte
	Random  bool
	Query   []byte
	// Listen is an address of a transport with a port of the system's choice, and URL that of
	// a peer with the address that Open has answered.
	Listen string
	URL    func(address string) string
}

// A measurement gives a rate, or says why there is none.
type measurement struct {
	name, unit string
	// skip is why the plugin cannot be measured so.
	skip string
	// rules of the protocol bound how long it takes.
	rules []string
	// run measures for about a slice of time.
	run func(ctx context.Context, slice time.Duration) (float64, error)
}

// A player is a plugin that was opened and has given its first answers. Its measurements are
// made in their order.
type player interface {
	measurements() []measurement
	close(ctx context.Context) error
}

const (
	election     = time.Second
	closeTime    = 5 * time.Second
	identity     = 1
	group        = 1
	entryBytes   = 256
	sliceBytes   = 32 << 20 // of entries; a plugin may keep all of them in memory
	sliceEntries = sliceBytes / entryBytes
)

// The times after which a host takes a plugin for hung.
var (
	openTime   = patience.Open(election)
	callTime   = patience.Apply(election)
	appendTime = patience.Append(election)
	sendTime   = patience.Send(election)
)

// A place is where the processes of one plugin run for a round.
type place struct {
	lane *lane.Lane
	c    *Contestant
	// dir is for this round alone, and kept is a path for what later rounds go on with.
	dir, kept string
	// info is what the plugin says of itself, and snapshotBytes the size of its snapshot; both
	// when they are known.
	info          plugins.Info
	snapshotBytes int
}

// start starts a process.
func (p *place) start(ctx context.Context) (*catalog.Instance, error) {
	in, err := p.lane.Start(ctx, p.c.Spec)
	if err != nil {
		return nil, err
	}
	p.info = in.Info()
	return in, nil
}

// options are those of an ordinary Open, with a data directory that is made.
func (p *place) options(dir string, node uint64) (plugins.Options, error) {
	return plugins.Options{
		Config: p.c.Config, ClusterID: identity, NodeID: node, NodeName: "bench", Group: group, Incarnation: 1,
		DataDir: dir, Limits: limits(), Tick: election / 10, Election: election,
	}, os.MkdirAll(dir, 0o700)
}

// limits are those of a host.
func limits() plugins.Limits {
	return plugins.ProtocolLimits(defaults.MaxBatchBytes, defaults.MaxChunkBytes)
}
