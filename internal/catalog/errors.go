package catalog

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Errors of the catalog.
var (
	// ErrPermanent marks errors of configuration: trying again cannot help
	// until the configuration or the plugin's file is changed.
	ErrPermanent = errors.New("plugin cannot be used as configured")
	// ErrCrashLoop: the plugin ended too often without getting anywhere. The
	// slot does not start it again, and each later Start returns this.
	ErrCrashLoop = errors.New("plugin keeps crashing")
	// ErrHung marks the reasons that users of an instance give to
	// Instance.Fail when the plugin runs but does not answer in time.
	ErrHung = errors.New("plugin is hung")
	// ErrRunning: the slot's last instance has not ended yet. Start returns
	// it.
	ErrRunning = errors.New("plugin is still running")
	// ErrClosed: the catalog was closed. Catalog.Slot and Start return it
	// then.
	ErrClosed = errors.New("catalog is closed")
)

// StartError says why a plugin could not be started. errors.Is finds
// ErrPermanent in it if trying again cannot help, and what Cause wraps.
type StartError struct {
	Kind plugins.Kind
	// Plugin is the backend's name or the path of the executable.
	Plugin string
	// Permanent: see ErrPermanent.
	Permanent bool
	Cause     error
	// Stderr is what the plugin last wrote to standard error; may be empty.
	Stderr string
}

// Error implements error. If the plugin wrote something to standard error, its
// last lines follow, each on a line of its own.
func (e *StartError) Error() string {
	return fmt.Sprintf("%s plugin %s: %v%s", e.Kind, e.Plugin, e.Cause, indentStderr(e.Stderr))
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Cause }

// Is makes errors.Is find ErrPermanent.
func (e *StartError) Is(target error) bool { return target == ErrPermanent && e.Permanent }

// ExitError says how a plugin's process ended that was not asked to stop.
// errors.Is finds plugins.ErrGone in it.
type ExitError struct {
	Kind plugins.Kind
	// Plugin is the plugin's name.
	Plugin string
	PID    int
	// Code is the exit status, -1 if a signal ended the process.
	Code int
	// Signal ended the process; 0 if it exited by itself.
	Signal syscall.Signal
	// Reason is why the host ended the process; empty if it did not.
	Reason string
	// Hung is whether that was because the plugin did not answer.
	Hung bool
	// Unprobed is whether it was probes that the plugin did not answer, and not a call.
	Unprobed bool
	// Stderr is what the plugin last wrote to standard error; may be empty.
	Stderr string
}

// Error implements error.
func (e *ExitError) Error() string {
	return fmt.Sprintf("%s plugin %s (pid %d): %s%s", e.Kind, e.Plugin, e.PID, e.how(), indentStderr(e.Stderr))
}

// Unwrap makes errors.Is find plugins.ErrGone.
func (e *ExitError) Unwrap() error { return plugins.ErrGone }

// FromOutside tells whether nothing that the plugin was asked to do explains the end: an
// operator or the kernel's out-of-memory killer has ended the process, or this host has
// because it did not answer probes, as a process does not that is suspended or has no
// processor. A fault of the process's own, such as SIGSEGV or SIGABRT, is not that.
func (e *ExitError) FromOutside() bool {
	if e.Reason != "" {
		return e.Unprobed
	}
	switch e.Signal {
	case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT:
		return true
	default:
		return false
	}
}

func (e *ExitError) how() string {
	switch {
	case e.Reason != "":
		return e.Reason
	case e.Signal == syscall.SIGKILL:
		return "killed by signal 9, not by this host (the kernel's out-of-memory killer or an operator)"
	case e.Signal != 0:
		return fmt.Sprintf("ended by signal %d (%v)", int(e.Signal), e.Signal)
	default:
		return fmt.Sprintf("exited with code %d", e.Code)
	}
}

// The most of a plugin's standard error that an error's text shows.
const (
	maxErrorLines     = 12
	maxErrorLineBytes = 300
)

// indentStderr renders the last lines of a plugin's standard error as the tail
// of an error's text.
func indentStderr(stderr string) string {
	var lines []string
	for line := range strings.SplitSeq(stderr, "\n") {
		if text := errorLine(strings.TrimSpace(line)); text != "" {
			lines = append(lines, text)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	if len(lines) > maxErrorLines {
		lines = lines[len(lines)-maxErrorLines:]
	}
	return "; last lines on stderr:\n\t" + strings.Join(lines, "\n\t")
}

// errorLine shortens a line and makes a logger's JSON readable. Debug messages
// are left out.
func errorLine(line string) string {
	if line == "" {
		return ""
	}
	if record, ok := parseJSONLine([]byte(line)); ok {
		if record.level < slog.LevelInfo {
			return ""
		}
		line = strings.ToLower(record.level.String()) + ": " + record.message
		for _, attr := range record.attrs {
			line += " " + attr.String()
		}
	}
	if len(line) > maxErrorLineBytes {
		line = line[:maxErrorLineBytes] + "…"
	}
	return strings.ToValidUTF8(line, "\uFFFD")
}
