package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
)

// Options configure a catalog. Zero values mean the defaults.
type Options struct {
	// Logger gets what plugins write, with the attributes kind, plugin and
	// pid; slog.Default if nil.
	Logger *slog.Logger
	// RuntimeDir is the parent of a private directory, made for this catalog
	// and removed by Close, that holds the plugins' sockets. Its path must be
	// short; New says so if it is not. It is created if it is missing. Empty
	// means the system's directory for temporary files. A service should use a
	// directory below /run.
	RuntimeDir string
	// Backends are those shipped in Executable, which serves one of them when
	// it is started with the arguments "plugin-serve <kind> <name>".
	Backends []backend.Backend
	// Executable is the host's own; on Linux /proc/self/exe, which stays what
	// it is when the file is replaced by an upgrade.
	Executable string
	// ProbeInterval is the time between probes of a healthy plugin, and
	// ProbeTimeout the time for each answer; 250 ms and 500 ms by default, of
	// time in which this host runs itself. A plugin that misses three in a row
	// is declared hung: within ProbeInterval + 3 * ProbeTimeout. If it is busy or
	// waits for a processor, as far as the system tells, or if other plugins
	// are late too, it is after 20.
	ProbeInterval, ProbeTimeout time.Duration
	// PlainGRPC has all streams travel by gRPC, those of plugins that take frames too.
	PlainGRPC bool
	// Limits bound the messages of plugin connections.
	Limits plugins.Limits
	// Version is that of the host, for records.
	Version   string
	Backoff   Backoff
	CrashLoop CrashLoop
	// StopTimeout is the time Instance.Stop gives a process before it sends
	// SIGKILL; 3 s by default.
	StopTimeout time.Duration
	// Calls returns the observer of the calls of one method of the plugins of a kind that are
	// processes. It is asked once for each. A nil one observes nothing.
	Calls func(kind plugins.Kind, method string) Observer
}

func (o Options) withDefaults() (Options, error) {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Executable == "" {
		path, err := ownExecutable()
		if err != nil {
			return o, err
		}
		o.Executable = path
	}
	defaults.Or(&o.ProbeInterval, 250*time.Millisecond)
	defaults.Or(&o.ProbeTimeout, 500*time.Millisecond)
	defaults.Or(&o.Backoff.Min, 100*time.Millisecond)
	defaults.Or(&o.Backoff.Max, 10*time.Second)
	defaults.Or(&o.CrashLoop.Within, 10*time.Minute)
	defaults.Or(&o.CrashLoop.Exits, 10)
	defaults.Or(&o.StopTimeout, 3*time.Second)
	if o.Limits == (plugins.Limits{}) {
		o.Limits = plugins.ProtocolLimits(defaults.MaxBatchBytes, defaults.MaxChunkBytes)
	}
	o.Backends = slices.Clone(o.Backends)
	return o, nil
}

func ownExecutable() (string, error) {
	if runtime.GOOS == "linux" {
		return procExecutable("/proc/self/exe")
	}
	return os.Executable()
}

// procExecutable is path if there is such a thing: plugins are started through
// /proc, the shipped ones and others.
func procExecutable(path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: plugins are started through /proc, and it cannot be read: %w; mount it (mount -t proc proc /proc), also in a chroot",
			ErrPermanent, err)
	}
	return path, nil
}

// A Catalog runs the plugin processes of one host. Its methods may be called
// concurrently.
type Catalog struct {
	options Options
	// closing ends when Close begins: nothing waits or starts any longer.
	closing context.Context
	close   context.CancelFunc

	mu    sync.Mutex
	slots []*Slot
	// dir is made when the first slot needs it.
	dir   *runtimeDir
	tardy tardy
	// closed is set by the first Close.
	closed bool
	// lives counts starts and instances that are not gone yet.
	lives sync.WaitGroup

	calls map[string]Observer
}

// New returns a catalog that has started nothing yet. It fails if
// Options.RuntimeDir has too long a path.
func New(options Options) (*Catalog, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, err := runtimeParent(options.RuntimeDir); err != nil {
		return nil, err
	}
	closing, cancel := context.WithCancel(context.Background())
	return &Catalog{options: options, closing: closing, close: cancel, calls: observers(options.Calls)}, nil
}

// Slot returns a new supervised place for one plugin; nothing is started yet.
func (c *Catalog) Slot(spec Spec) (*Slot, error) {
	pl, err := c.plan(spec)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if err := c.checkRecordLocked(spec); err != nil {
		return nil, &StartError{Kind: spec.Kind, Plugin: pl.label, Permanent: true, Cause: err}
	}
	if pl.inproc == nil && c.dir == nil {
		if c.dir, err = newRuntimeDir(c.options.RuntimeDir); err != nil {
			return nil, err
		}
	}
	taken, err := pl.take()
	if err != nil {
		return nil, err
	}
	s := newSlot(c, spec, taken)
	c.slots = append(c.slots, s)
	return s, nil
}

// Remove gives up a slot in which nothing is to be started any more, and ends what runs in
// it. It returns when that is gone.
func (c *Catalog) Remove(s *Slot) {
	s.kill()
	if in := s.Current(); in != nil {
		<-in.gone
	}
	s.leave()
	s.endRecord()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots = slices.DeleteFunc(slices.Clone(c.slots), func(o *Slot) bool { return o == s })
}

// checkRecordLocked refuses a second record in the files of another one.
func (c *Catalog) checkRecordLocked(spec Spec) error {
	for _, s := range c.slots {
		if spec.Record != nil && s.recorder != nil && s.spec.Record.Path == spec.Record.Path {
			return fmt.Errorf("the %s plugin is recorded in %s already", s.plan.kind, spec.Record.Path)
		}
	}
	return nil
}

// Close ends every plugin that still runs, at once, and returns when all
// processes are gone and the runtime directory is removed. Closing twice is
// harmless.
func (c *Catalog) Close() error {
	c.mu.Lock()
	c.closed = true
	slots := c.slots
	c.mu.Unlock()
	c.close()
	for _, s := range slots {
		s.kill()
	}
	c.lives.Wait()
	for _, s := range slots {
		s.leave()
		s.endRecord()
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dir == nil {
		return nil
	}
	dir := c.dir
	c.dir = nil
	return dir.remove()
}

// begin registers one more life, unless the catalog is closed. Each begin is
// followed by one lives.Done.
func (c *Catalog) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.lives.Add(1)
	return nil
}

func isPermanentFile(err error) bool {
	var permanent errPermanentFile
	return errors.As(err, &permanent)
}

// runtimePath returns the directory in which socket directories are made; if
// the directory was removed while the host runs, it makes another. It is
// called only between begin and lives.Done of a process, while there is one.
func (c *Catalog) runtimePath() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := os.Lstat(c.dir.path); !errors.Is(err, fs.ErrNotExist) {
		return c.dir.path, nil
	}
	dir, err := newRuntimeDir(c.options.RuntimeDir)
	if err != nil {
		return "", err
	}
	// The new directory may have the old one's name.
	_ = c.dir.lock.Close()
	c.dir = dir
	return dir.path, nil
}
