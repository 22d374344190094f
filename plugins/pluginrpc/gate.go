package pluginrpc

import (
	"fmt"
	"sync"
	"sync/atomic"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A Gate stands before a backend: it lets one Open through, and after it only
// the calls of the host that made it. Its zero value is ready for use.
type Gate struct {
	mu     sync.Mutex // held while an Open runs
	opened atomic.Pointer[Opened]
}

// Open runs open with the options of w, once. An Open that failed may be
// repeated. After a successful one, Open with an incarnation that is not
// larger fails with plugins.ErrStaleIncarnation, and any other with
// plugins.ErrInvalidArgument: a process is opened once.
func (g *Gate) Open(w pluginv1.OpenOptions, open func(plugins.Options) error) error {
	if !g.mu.TryLock() {
		return fmt.Errorf("open while another one runs: %w", plugins.ErrInvalidArgument)
	}
	defer g.mu.Unlock()
	if o := g.opened.Load(); o != nil {
		if w.Incarnation <= o.Call.Incarnation {
			return staleError(w.Incarnation, o.Call.Incarnation)
		}
		return fmt.Errorf("open by incarnation %d, is open for %d: %w", w.Incarnation, o.Call.Incarnation, plugins.ErrInvalidArgument)
	}
	opts, err := CheckOptions(GoOptions(w))
	if err != nil {
		return err
	}
	if err := open(opts); err != nil {
		return err
	}
	g.opened.Store(NewOpened(opts))
	return nil
}

// Check admits a call, or says why not: plugins.ErrNotOpen,
// plugins.ErrStaleIncarnation, or plugins.ErrInvalidArgument for a group that
// this plugin does not serve.
func (g *Gate) Check(c pluginv1.Call) (*Opened, error) {
	o := g.opened.Load()
	switch {
	case o == nil:
		return nil, plugins.ErrNotOpen
	case c.Incarnation < o.Call.Incarnation:
		return nil, staleError(c.Incarnation, o.Call.Incarnation)
	case c != o.Call:
		return nil, fmt.Errorf("call of group %d incarnation %d, open for group %d incarnation %d: %w",
			c.Group, c.Incarnation, o.Call.Group, o.Call.Incarnation, plugins.ErrInvalidArgument)
	}
	return o, nil
}

// CheckClose admits a Close, which alone may also come before any Open.
func (g *Gate) CheckClose(c pluginv1.Call) error {
	if g.opened.Load() == nil {
		return nil
	}
	_, err := g.Check(c)
	return err
}

func staleError(have, open uint64) error {
	return fmt.Errorf("incarnation %d, open for %d: %w", have, open, plugins.ErrStaleIncarnation)
}
