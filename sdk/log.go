package sdk

import (
	"io"
	"log/slog"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// hclogTime is the form in which go-plugin expects a log line's time.
const hclogTime = "2006-01-02T15:04:05.000000Z07:00"

// newLogger returns a logger whose lines the host can read back with their
// level: JSON with the keys of hclog. The host adds kind, name and pid.
func newLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: hclogKeys}))
}

// hclogKeys renames what slog calls time, level and msg.
func hclogKeys(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		if a.Value.Kind() == slog.KindTime {
			return slog.String("@timestamp", a.Value.Time().Format(hclogTime))
		}
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String("@level", levelName(level))
		}
	case slog.MessageKey:
		if a.Value.Kind() == slog.KindString {
			return slog.String("@message", a.Value.String())
		}
	}
	return a
}

// levelName is the nearest of hclog's levels.
func levelName(l slog.Level) string {
	if l < slog.LevelDebug {
		return "trace"
	}
	return pluginrpc.LevelName(l)
}
