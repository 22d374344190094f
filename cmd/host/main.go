package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/logsink"
	"github.com/pontoon-raft/pontoon/internal/plugincheck"
	"github.com/pontoon-raft/pontoon/sdk"
)

func main() {
	sdk.ServeBuiltin(os.Args[1:], backends())
	if slices.Equal(os.Args[1:], []string{checkTests}) {
		err := plugincheck.Serve(context.Background(), os.Stdin, os.Stdout, os.Stderr, backends())
		report(newProgram(os.Args[0]), err)
		os.Exit(exitCode(err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends a command that does not react
	code := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs the command line that was given, the program's name first, and returns its exit code. When ctx ends, the command
// was interrupted; serve and demo take that as the request to stop.
func run(ctx context.Context, given []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newProgram(given[0])
	root.SetArgs(given[1:])
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	// First of all, so that a mistake on the command line keeps its code too.
	if cmd, _, err := root.Find(given[1:]); err == nil && cmd.Name() == nameOfServe {
		outliveReaders()
	}
	err := root.ExecuteContext(ctx)
	if isInterruption(ctx, err) {
		err = errInterrupted
	}
	report(root, err)
	// Of serve: see there.
	if sink, ok := root.ErrOrStderr().(*logsink.Sink); ok {
		sink.Close(lastWords)
	}
	return exitCode(err)
}

// isInterruption tells whether err is the end of ctx and no more. A stop that had to be
// forced has more to say.
func isInterruption(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() != nil && !errors.Is(err, core.ErrForced) &&
		(errors.Is(err, context.Canceled) || errors.Is(err, errInterrupted))
}
