package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/hostconfig"
	"github.com/pontoon-raft/pontoon/internal/maintenance"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/plugincheck"
	"github.com/pontoon-raft/pontoon/internal/plugincheck/replay"
	"github.com/pontoon-raft/pontoon/internal/pluginlock"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/plugins"
)

// The exit codes, documented in docs/cli.md.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitUnhealthy   = 4
	exitNotFound    = 5
	exitInUse       = 6
	exitNotMember   = 7
	exitOlder       = 8
	exitInterrupted = 130
)

// A usageError is a mistake on the command line.
type usageError struct {
	command string
	text    string
}

// Error implements error.
func (e *usageError) Error() string {
	return fmt.Sprintf("%s\nrun '%s --help' to see how it is used", e.text, e.command)
}

var (
	// errUnhealthy is the verdict of a check, already printed.
	errUnhealthy = errors.New("the cluster is not healthy")
	// errNotFound is the end of commands that found nothing to act on, and
	// errPrecondition of those whose condition did not hold.
	errNotFound     = errors.New("not found")
	errPrecondition = errors.New("precondition failed")
	errInterrupted  = errors.New("interrupted")
	// errUnreachable: no member answered, or none in time.
	errUnreachable = errors.New("no member could be reached")
)

// A hostFailure is why a host ended. No other member is to be asked, whatever had no answer
// in time within the host.
type hostFailure struct{ error }

// Unwrap gives the failure itself.
func (e *hostFailure) Unwrap() error { return e.error }

// exitCode is the code for what a command returned.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, new(*usageError)), errors.Is(err, hostconfig.ErrInvalid),
		errors.Is(err, plugins.ErrInvalidConfig), errors.Is(err, catalog.ErrPermanent), errors.Is(err, plugincheck.ErrNotChecked), errors.Is(err, pluginrecord.ErrNoRecord), errors.Is(err, pluginrecord.ErrCut):
		return exitUsage
	case errors.Is(err, core.ErrRemoved), errors.Is(err, core.ErrLostData), errors.Is(err, core.ErrOtherCluster):
		return exitNotMember
	case errors.Is(err, maintenance.ErrInUse), errors.Is(err, pluginlock.ErrInUse):
		return exitInUse
	case errors.Is(err, errUnhealthy), errors.Is(err, errDamaged), errors.Is(err, maintenance.ErrDamaged), errors.Is(err, pluginlock.ErrDamaged),
		errors.Is(err, errBadCertificate), errors.Is(err, errBrokenRules),
		errors.Is(err, errAnswersDiffer), errors.Is(err, pluginrecord.ErrDamaged):
		return exitUnhealthy
	case errors.Is(err, errNotFound), errors.Is(err, errPrecondition), errors.Is(err, access.ErrNoToken), errors.Is(err, maintenance.ErrNoStore),
		errors.Is(err, maintenance.ErrNoSnapshot), errors.Is(err, maintenance.ErrRefused),
		errors.Is(err, pluginlock.ErrNotFound), errors.Is(err, pluginlock.ErrRefused), errors.Is(err, replay.ErrNothing), errors.Is(err, replay.ErrTransport):
		return exitNotFound
	case errors.Is(err, member.ErrNewer), errors.Is(err, member.ErrCommandVersion): // of serve; commands on files refuse it above
		return exitOlder
	case errors.As(err, new(*hostFailure)):
		return exitFailed
	case errors.Is(err, errUnreachable), errors.Is(err, context.DeadlineExceeded):
		return exitUnreachable
	}
	return codeOfReason(client.Reason(err))
}

// codeOfReason tells a refusal from a cluster that cannot answer now: the
// latter is worth another try.
func codeOfReason(reason string) int {
	switch reason {
	case client.ReasonUnreachable, client.ReasonConnectionLost, client.ReasonTimeout,
		"no_leader", "leader_lost", "read_timeout", "not_ready", "stopping", "stopped",
		"storage_restart", "proposal_dropped", "too_many_requests", "no_space", "no_quorum", "audit_unavailable":
		return exitUnreachable
	case "unknown_member", "unknown_plugin", "no_snapshot", "plugin_refused", "change_pending", "change_refused", "quorum_at_risk":
		return exitNotFound
	}
	return exitFailed
}

// report prints an error of cmd to people.
func report(cmd *cobra.Command, err error) {
	if err == nil || errors.Is(err, errUnhealthy) || errors.Is(err, errDamaged) || errors.Is(err, errBadCertificate) || errors.Is(err, errBrokenRules) || errors.Is(err, errAnswersDiffer) {
		return
	}
	var invalid *hostconfig.InvalidError
	if errors.As(err, &invalid) {
		// It begins each line with a place.
		fmt.Fprintln(cmd.ErrOrStderr(), printableLines(asCalled(cmd.Root(), invalid.Error())))
		return
	}
	note(cmd, "%s", printableLines(asCalled(cmd.Root(), strings.TrimRight(err.Error(), "\n"))))
}

// note tells people something that is not the data they asked for.
func note(cmd *cobra.Command, format string, values ...any) {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", cmd.Root().Name(), fmt.Sprintf(format, values...))
}
