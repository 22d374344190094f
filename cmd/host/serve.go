package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/logsink"
)

// nameOfServe is the command that runs a host.
const nameOfServe = "serve"

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   nameOfServe + " --config FILE",
		Short: "Run one member of a cluster",
		Long: `serve runs a host and its plugins until SIGTERM, SIGINT or SIGHUP, and
then stops in order: clients first, the lock on the data last. A second signal
does not wait any longer. Exit code 0 after a stop that was asked for. Under
nohup a SIGHUP changes nothing.`,
		Example: `  host serve --config configs/single.yaml
  host serve --config configs/local3/n1.yaml --data-dir /tmp/n1 --set raft.election=2s`,
		Args:    args(cobra.NoArgs),
		GroupID: groupServer,
	}
	flags := addConfig(cmd)
	untilEOF := cmd.Flags().Bool("stop-on-stdin-eof", false, "stop when standard input ends, as when the parent process dies")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		notGathered := gatherTimers()
		room := roomForGarbage(os.Getenv)
		defer runtime.KeepAlive(room)
		stderr := cmd.ErrOrStderr()
		sink := logsink.New(stderr)
		cmd.Root().SetErr(sink)
		c, o, err := flags.load(cmd)
		if err != nil {
			return err
		}
		logger := slog.New(sink.Handler(logForm(stderr, c.Log)))
		catchStrays(logger)
		reapAsInit(logger)
		if notGathered != nil {
			logger.Warn("this host and its plugins wake up more often than need be", "error", notGathered)
		}
		if ignored := o.Ignored(); len(ignored) > 0 {
			logger.Warn("variables name no setting and are ignored", "variables", strings.Join(ignored, " "))
		}
		shareProcessors(&c.Host)
		c.Host.Version, c.Host.Backends, c.Host.Logger, c.Host.Log = versionText(), backends(), logger, sink
		c.Host.NextStorageNow = func() (*core.PluginConfig, error) {
			now, _, err := flags.load(cmd)
			if err != nil {
				return nil, err
			}
			return now.Host.NextStorage, nil
		}
		h, err := core.New(c.Host)
		if err != nil {
			return fmt.Errorf("%s: %w", flags.path, err)
		}
		ctx, cancel := stopRequests(cmd, *untilEOF)
		defer cancel()
		if mayLimitGarbage(&c.Host, os.Getenv) {
			go limitGarbage(ctx, bytesAlive, setMemoryLimit)
		}
		tellSystemd(ctx, h, logger)
		if err := serve(ctx, h, catalog.CallTimeout(c.Host.Election)); err != nil {
			return &hostFailure{fmt.Errorf("%s: %w", flags.path, err)}
		}
		return nil
	}
	return cmd
}

// shareProcessors leaves half of the processors to the plugins, which take the
// other half each, unless GOMAXPROCS says otherwise or a plugin runs inside the
// host. Each message that comes in wakes one goroutine after the other, and
// threads that are woken for each of them cost more than they bring (measured
// on 2 cores with 3 nodes: 5 % more writes at 64 clients).
func shareProcessors(h *core.Config) {
	if !runsPlugins(h) && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	}
}

// runsPlugins tells whether a plugin runs inside the host.
func runsPlugins(h *core.Config) bool {
	const inproc = string(catalog.Inproc)
	return h.Storage.Isolation == inproc || h.StateMachine.Isolation == inproc ||
		slices.ContainsFunc(h.Transports, func(t core.TransportConfig) bool { return t.Isolation == inproc })
}

// outliveReaders makes a write to a pipe without a reader fail, instead of
// ending the process by a signal: a host whose log has no reader any more goes
// on, and its exit code is the one by which a supervisor decides. It holds until
// the end of the process. Plugins do not inherit it.
func outliveReaders() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}

// stopSignals are the signals that ask a host to stop. A hang-up that the host
// was started to ignore, as by nohup, stays ignored; executing the program again
// (gatherTimers) leaves that as it is.
func stopSignals() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// stopRequests returns a context that ends when the host is asked to stop. From
// then on a second signal ends the process at once; its plugins notice and end
// too.
func stopRequests(cmd *cobra.Command, untilEOF bool) (context.Context, func()) {
	ctx, cancel := context.WithCancel(cmd.Context())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, stopSignals()...)
	go func() {
		<-signals
		cancel()
		<-signals
		note(cmd, "second signal, not waiting any longer")
		if sink, ok := cmd.ErrOrStderr().(*logsink.Sink); ok {
			sink.Close(lastWords)
		}
		os.Exit(exitFailed)
	}()
	if untilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, cmd.InOrStdin())
			cancel()
		}()
	}
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}
