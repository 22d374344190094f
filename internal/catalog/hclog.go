package catalog

import (
	"context"
	"io"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// newHCLog returns the logger that go-plugin writes its own messages to. They
// go to logger as debug records whatever level they claim: the catalog reports
// what matters in them itself, once, in the errors of the instance.
func newHCLog(logger *slog.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard})
	l.RegisterSink(slogSink{logger})
	return l
}

// slogSink implements hclog.SinkAdapter.
type slogSink struct{ logger *slog.Logger }

// Accept implements hclog.SinkAdapter.
func (s slogSink) Accept(name string, level hclog.Level, msg string, args ...any) {
	if level == hclog.Trace || !s.logger.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	logger := s.logger
	if name != "" {
		logger = logger.With("logger", name)
	}
	logger.With("hclog_level", level.String()).Debug("go-plugin: "+msg, args...)
}
