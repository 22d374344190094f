package catalog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/pluginlock"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
)

// Isolation says where a plugin runs.
type Isolation string

const (
	// Process, the default, runs the plugin in a process of its own.
	Process Isolation = "process"
	// Inproc runs a shipped backend inside the host, without RPC. A panic or
	// a leak of the backend is then the host's, and nothing but the backend's
	// own Close ends it.
	Inproc Isolation = "inproc"
)

// DefaultStartTimeout is the time from starting a process to the end of the
// first conversation with it. Recovery comes later, in Open.
const DefaultStartTimeout = 10 * time.Second

// CallTimeout bounds a call to a plugin that does no bulk work, in a cluster with that
// election timeout.
func CallTimeout(election time.Duration) time.Duration { return 5*time.Second + election }

// Spec says which plugin to run and how: a backend shipped in the host's own
// executable (Name), another executable (Command and SHA256), the version that is pinned
// in a catalog of plugins (Catalog and Name), or a plugin that was started elsewhere
// (Address).
type Spec struct {
	// Kind is what the plugin must be. Empty is any kind, of an executable that is only
	// described.
	Kind plugins.Kind
	// Name is that of a shipped backend. With Command or Address it may be empty;
	// otherwise the plugin must describe itself by this name.
	Name string
	// Command is the path of an executable and its arguments. There is no
	// search in PATH: a relative path is one from the working directory.
	Command []string
	// SHA256 is the hex sum of the file Command[0]; required with Command.
	SHA256 string
	// Catalog is a directory with a plugins.lock, which has the executable and its sum. It
	// is read when the slot is made, and by Slot.Next.
	Catalog string
	// Address is where a plugin listens that was started elsewhere: unix:// and an absolute
	// path. Its executable is not checked, and its end is that of the connection.
	Address string
	// Isolation defaults to Process; Inproc needs a shipped backend.
	Isolation Isolation
	// Env are KEY=VALUE pairs added to the plugin's environment.
	Env []string
	// Record says where what the host and the plugin say to each other is recorded; nil if it
	// is not. A plugin inside the host has nothing to record.
	Record *pluginrecord.Options
	// StartTimeout defaults to DefaultStartTimeout.
	StartTimeout time.Duration
}

// A plan is a spec that was found consistent, with everything looked up.
type plan struct {
	kind plugins.Kind
	// label names the plugin in messages before it has described itself: the
	// backend's name or the path of the executable.
	label string
	// name is what the plugin must call itself; any if empty.
	name string
	// inproc is the backend to run inside the host, or nil.
	inproc *backend.Backend
	// path and sum are of the executable; sum is empty for the host's own.
	path, sum string
	// version is that of the lock, of a plugin from a catalog; else it is empty.
	version string
	// attach is the path of the socket of a plugin that was started elsewhere, or empty.
	attach       string
	args, env    []string
	startTimeout time.Duration
}

// plan looks everything up that spec names. Its errors are permanent.
func (c *Catalog) plan(spec Spec) (plan, error) {
	pl := plan{kind: spec.Kind, label: spec.Name, name: spec.Name, env: slices.Clone(spec.Env), startTimeout: spec.StartTimeout}
	defaults.Or(&pl.startTimeout, DefaultStartTimeout)
	if len(spec.Command) > 0 {
		pl.label = spec.Command[0]
	}
	if spec.Address != "" {
		pl.label = spec.Address
	}
	err := c.fill(&pl, spec)
	if err == nil {
		err = checkRecord(spec)
	}
	if err == nil {
		err = checkEnv(spec.Env)
	}
	if err != nil {
		return plan{}, &StartError{Kind: spec.Kind, Plugin: pl.label, Permanent: true, Cause: err}
	}
	return pl, nil
}

// checkRecord checks where a plugin is to be recorded.
func checkRecord(spec Spec) error {
	switch {
	case spec.Record == nil:
		return nil
	case spec.Isolation == Inproc:
		return errors.New("a plugin inside the host has no connection that could be recorded")
	}
	return spec.Record.Check()
}

func (c *Catalog) fill(pl *plan, spec Spec) error {
	anyKind := spec.Kind == "" && len(spec.Command) > 0
	if !anyKind && !slices.Contains(plugins.Kinds(), spec.Kind) {
		return fmt.Errorf("kind %s is unknown", quote(string(spec.Kind)))
	}
	switch spec.Isolation {
	case "", Process, Inproc:
	default:
		return fmt.Errorf("isolation %s is unknown: use %q or %q", quote(string(spec.Isolation)), Process, Inproc)
	}
	if spec.Address != "" {
		return fillAttached(pl, spec)
	}
	if spec.Catalog != "" {
		return fillPinned(pl, spec)
	}
	if len(spec.Command) > 0 {
		return fillExternal(pl, spec)
	}
	return c.fillShipped(pl, spec)
}

func fillAttached(pl *plan, spec Spec) (err error) {
	switch {
	case len(spec.Command) > 0:
		return errors.New("it has an address and a command: the host starts it, or attaches to it")
	case spec.SHA256 != "":
		return errors.New("a sha256 is for a command: what was started elsewhere cannot be checked")
	case spec.Isolation == Inproc:
		return errors.New("only backends shipped with the host can run in its process: what was started elsewhere cannot")
	case spec.Catalog != "":
		return errors.New("it has an address and is from the catalog: the host starts it, or attaches to it")
	case len(spec.Env) > 0:
		return errors.New("its env is for a plugin that the host starts")
	}
	pl.attach, err = attachPath(spec.Address)
	return err
}

// fillPinned is fillExternal with what the lock of a catalog says.
func fillPinned(pl *plan, spec Spec) error {
	if len(spec.Command) > 0 || spec.SHA256 != "" {
		return errors.New("it is from the catalog, and has a command or a sha256: the lock of the catalog has both")
	}
	c, err := pluginlock.At(spec.Catalog)
	if err != nil {
		return err
	}
	e, err := c.Pinned(string(spec.Kind), spec.Name)
	if err != nil {
		return err
	}
	spec.Command, spec.SHA256 = append([]string{c.File(&e)}, e.Arguments...), e.SHA256
	pl.version = e.Version
	return fillExternal(pl, spec)
}

func fillExternal(pl *plan, spec Spec) error {
	if spec.Isolation == Inproc {
		return errors.New("only backends shipped with the host can run in its process: an executable cannot")
	}
	if spec.Command[0] == "" {
		return errors.New("its command is empty")
	}
	for _, arg := range spec.Command {
		if strings.ContainsRune(arg, 0) {
			return errors.New("its command contains a NUL byte")
		}
	}
	path, err := filepath.Abs(spec.Command[0])
	if err != nil {
		return err
	}
	pl.label, pl.path, pl.args, pl.sum = path, path, slices.Clone(spec.Command), strings.ToLower(strings.TrimSpace(spec.SHA256))
	if pl.sum == "" {
		return errors.New("no sha256 is configured for it")
	}
	return nil
}

func (c *Catalog) fillShipped(pl *plan, spec Spec) error {
	if spec.Name == "" {
		return errors.New("neither a name nor a command is configured")
	}
	if spec.SHA256 != "" {
		return errors.New("a sha256 is for external commands: a shipped backend is part of the host's executable")
	}
	i := slices.IndexFunc(c.options.Backends, func(b backend.Backend) bool {
		return b.Kind == spec.Kind && b.Name == spec.Name
	})
	if i < 0 {
		return fmt.Errorf("there is no such backend in this host; it has %s", c.shipped(spec.Kind))
	}
	if spec.Isolation == Inproc {
		pl.inproc = &c.options.Backends[i]
		return nil
	}
	pl.path = c.options.Executable
	pl.args = []string{"host", "plugin-serve", string(spec.Kind), spec.Name}
	return nil
}

// shipped lists the shipped backends of a kind, for messages.
func (c *Catalog) shipped(kind plugins.Kind) string {
	var names []string
	for _, b := range c.options.Backends {
		if b.Kind == kind {
			names = append(names, b.Name)
		}
	}
	if len(names) == 0 {
		return "none of this kind"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
