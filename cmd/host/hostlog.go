package main

import (
	"io"
	"log/slog"
	"time"

	"google.golang.org/grpc/grpclog"

	"github.com/pontoon-raft/pontoon/internal/hostconfig"
)

// lastWords is the time in which the reader of the log may take its last lines when the host ends.
const lastWords = time.Second

// logForm is the form of the host's log as configured. Nothing of serve writes
// to stderr itself: only the sink's goroutine may wait for its reader.
func logForm(stderr io.Writer, c hostconfig.Log) func(io.Writer) slog.Handler {
	o := &slog.HandlerOptions{Level: c.Level}
	if c.Format == hostconfig.FormatText || (c.Format == hostconfig.FormatAuto && onTerminal(stderr)) {
		return func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, o) }
	}
	return func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, o) }
}

// catchStrays leads what libraries log by themselves into the host's log. They
// would write to the process's standard error, and wait there.
func catchStrays(logger *slog.Logger) {
	slog.SetDefault(logger) // and with it package log
	errors := slog.NewLogLogger(logger.With("library", "grpc").Handler(), slog.LevelError)
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, errors.Writer()))
}
