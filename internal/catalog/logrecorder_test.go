//go:build linux

package catalog_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
)

// logRecorder is a slog.Handler that keeps what it gets.
type logRecorder struct {
	*recorded
	attrs []slog.Attr
}

type recorded struct {
	mu      sync.Mutex
	records []logRecord
}

type logRecord struct {
	level   slog.Level
	message string
	attrs   map[string]string
}

func (r logRecord) number(key string) int {
	n, err := strconv.Atoi(r.attrs[key])
	if err != nil {
		return -1
	}
	return n
}

func newLogRecorder() *logRecorder { return &logRecorder{recorded: &recorded{}} }

func (l *logRecorder) logger() *slog.Logger { return slog.New(l) }

func (l *logRecorder) all() []logRecord {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records)
}

func (l *logRecorder) find(message string) (logRecord, bool) {
	for _, r := range l.all() {
		if r.message == message {
			return r, true
		}
	}
	return logRecord{}, false
}

func (l *logRecorder) Enabled(context.Context, slog.Level) bool { return true }

func (l *logRecorder) Handle(_ context.Context, r slog.Record) error {
	attrs := make(map[string]string)
	for _, a := range l.attrs {
		attrs[a.Key] = a.Value.String()
	}
	r.Attrs(func(a slog.Attr) bool {
		attrs[a.Key] = a.Value.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, logRecord{level: r.Level, message: r.Message, attrs: attrs})
	return nil
}

func (l *logRecorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logRecorder{recorded: l.recorded, attrs: slices.Concat(l.attrs, attrs)}
}

func (l *logRecorder) WithGroup(string) slog.Handler { return l }
