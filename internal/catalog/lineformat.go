package catalog

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// maxLineAttrs bounds the attributes taken from one line.
const maxLineAttrs = 32

// lineRecord is what a line says.
type lineRecord struct {
	level   slog.Level
	message string
	attrs   []slog.Attr
}

// lineFormat understands the lines of one stream: the JSON of hclog and of
// slog, lines that start with "[WARN]" and the like, and a Go program's panic,
// all of whose lines are errors. Anything else is information.
type lineFormat struct {
	// inPanic: the stack traces of a dying Go program have begun.
	inPanic bool
}

func (f *lineFormat) parse(line []byte) lineRecord {
	if record, ok := parseJSONLine(line); ok {
		return record
	}
	text := strings.ToValidUTF8(string(line), "\uFFFD")
	if level, ok := bracketLevel(text); ok {
		return lineRecord{level: level, message: strings.TrimSpace(text[strings.IndexByte(text, ']')+1:])}
	}
	for _, start := range []string{"panic: ", "fatal error: ", "SIGQUIT: quit"} {
		f.inPanic = f.inPanic || strings.HasPrefix(text, start)
	}
	if f.inPanic {
		return lineRecord{level: slog.LevelError, message: text}
	}
	return lineRecord{level: slog.LevelInfo, message: text}
}

// parseJSONLine reads a JSON object with a level and a message. It never
// trusts the types of the values: go-plugin's own parser panics on them.
func parseJSONLine(line []byte) (lineRecord, bool) {
	if len(line) == 0 || line[0] != '{' {
		return lineRecord{}, false
	}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	if decoder.Decode(&fields) != nil {
		return lineRecord{}, false
	}
	levelName, ok := take(fields, "@level", "level")
	if !ok {
		return lineRecord{}, false
	}
	level, ok := parseLevel(levelName)
	if !ok {
		return lineRecord{}, false
	}
	message, ok := take(fields, "@message", "msg", "message")
	if !ok {
		return lineRecord{}, false
	}
	// The host's log has its own time.
	delete(fields, "@timestamp")
	delete(fields, "time")
	return lineRecord{level: level, message: message, attrs: lineAttrs(fields)}, true
}

// take removes the first of the named fields that is a string and returns it.
func take(fields map[string]any, names ...string) (string, bool) {
	for _, name := range names {
		if s, ok := fields[name].(string); ok {
			delete(fields, name)
			return s, true
		}
	}
	return "", false
}

// lineAttrs returns the remaining fields in the order of their names. Those
// that would pass for the host's own are renamed.
func lineAttrs(fields map[string]any) []slog.Attr {
	var attrs []slog.Attr
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if len(attrs) == maxLineAttrs {
			break
		}
		key := strings.TrimPrefix(name, "@")
		switch key {
		case "plugin", "kind", "pid", "stream", "level", "msg", "time", "source":
			key = "plugin_" + key
		}
		attrs = append(attrs, slog.Any(key, fields[name]))
	}
	return attrs
}

func bracketLevel(text string) (slog.Level, bool) {
	end := strings.IndexByte(text, ']')
	if text[0] != '[' || end < 0 {
		return 0, false
	}
	return parseLevel(text[1:end])
}

func parseLevel(name string) (slog.Level, bool) {
	switch strings.ToLower(name) {
	case "trace", "debug":
		return slog.LevelDebug, true
	case "info", "notice":
		return slog.LevelInfo, true
	case "warn", "warning":
		return slog.LevelWarn, true
	case "error", "err", "fatal", "panic":
		return slog.LevelError, true
	}
	var level slog.Level
	if level.UnmarshalText([]byte(name)) != nil {
		return 0, false
	}
	return level, true
}
