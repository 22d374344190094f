package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hashicorp/go-plugin/runner"
)

// misconfigured marks the causes of failed starts that only a change of
// configuration or of the plugin mends.
type misconfigured struct{ error }

func (m misconfigured) Unwrap() error { return m.error }

// An occupant is what a launch has of its plugin: a process that the catalog starts, or
// the connection to one that was started elsewhere.
type occupant interface {
	// begin starts it, and returns its handshake line and the directory in which its
	// socket must be.
	begin(ctx context.Context) (line, socketDir string, err error)
	pid() int
	// kill ends it at once, dump when it had the time to write its stacks. The first
	// reason shows in exit.
	kill(reason string)
	dump(reason string)
	// cutLifeline tells it that its host is gone.
	cutLifeline()
	isEnding() bool
	// exit says how it ended, once it has.
	exit() ExitError
}

// A pluginRunner presents an occupant to go-plugin, as its runner.Runner. It
// does the part of the start that can go wrong in many ways itself, with an
// error for each: go-plugin sees a handshake that is right, and none of the
// plugin's output.
type pluginRunner struct {
	occupant
	// exited is closed at its end, and drained when its output has been read as well.
	exited, drained <-chan struct{}
	plan            plan
	// ctx bounds the start; the one that go-plugin passes knows only its own
	// timeout.
	ctx context.Context
	// served: an earlier life of this plugin was ready.
	served bool

	// handshake is the plugin's line, once it was right, and socket where it
	// says that it listens.
	handshake, socket string
}

var _ runner.Runner = (*pluginRunner)(nil)

// Start implements runner.Runner: it starts the occupant and takes its handshake.
func (r *pluginRunner) Start(context.Context) error {
	line, socketDir, err := r.begin(r.ctx)
	if errors.Is(err, errNoHandshake) {
		return r.startCause(err)
	}
	if err != nil {
		return err
	}
	socket, err := checkHandshake(line, socketDir)
	if err != nil {
		return misconfigured{err}
	}
	r.socket = socket
	r.handshake = strings.Join([]string{"1", strings.Split(line, "|")[1], "unix", socket, "grpc", ""}, "|") + "\n"
	return nil
}

// Exit codes from sysexits.h, EX_USAGE to EX_CONFIG, by which a plugin says that
// a new start will not help.
const firstConfigCode, lastConfigCode = 64, 78

// startCause tells why a conversation during the start failed, given how it
// failed: if the process has ended, that is the reason. An exit by its own will
// of a plugin that never worked is one of configuration; a signal, or an exit
// of a plugin that has served before, may be an accident.
func (r *pluginRunner) startCause(err error) error {
	select {
	case <-r.exited:
	default:
		if errors.Is(err, errNoHandshake) {
			return misconfigured{err}
		}
		return err
	}
	<-r.drained
	exit := r.exit()
	if exit.Reason != "" {
		return errors.New(exit.Reason)
	}
	cause := fmt.Errorf("%s before it was ready", exit.how())
	config := exit.Code >= firstConfigCode && exit.Code <= lastConfigCode
	if config || exit.Code >= 0 && !r.served {
		return misconfigured{cause}
	}
	return cause
}

// Diagnose implements runner.Runner; the errors say it all.
func (r *pluginRunner) Diagnose(context.Context) string { return "" }

// Stdout implements runner.Runner: it carries the handshake and then nothing
// until the process has ended.
func (r *pluginRunner) Stdout() io.ReadCloser {
	return &untilClosed{Reader: strings.NewReader(r.handshake), end: r.exited}
}

// Stderr implements runner.Runner: the catalog logs standard error itself,
// because go-plugin's parser panics on lines that only look like hclog's.
func (r *pluginRunner) Stderr() io.ReadCloser {
	return &untilClosed{Reader: strings.NewReader(""), end: r.exited}
}

// Name implements runner.Runner.
func (r *pluginRunner) Name() string { return r.plan.label }

// ID implements runner.Runner.
func (r *pluginRunner) ID() string { return strconv.Itoa(r.pid()) }

// Wait implements runner.Runner. How the process ended is the instance's to
// report.
func (r *pluginRunner) Wait(context.Context) error {
	<-r.exited
	return nil
}

// Kill implements runner.Runner.
func (r *pluginRunner) Kill(context.Context) error {
	r.kill("did not end when it was asked to")
	return nil
}

// PluginToHost implements runner.AddrTranslator.
func (r *pluginRunner) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (r *pluginRunner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// untilClosed reads from Reader, and is then at its end only when the channel
// is closed.
type untilClosed struct {
	io.Reader
	end <-chan struct{}
}

// Read implements io.Reader.
func (u *untilClosed) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if n == 0 && errors.Is(err, io.EOF) {
		<-u.end
	}
	return n, err
}

// Close implements io.Closer.
func (u *untilClosed) Close() error { return nil }
