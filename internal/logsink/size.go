package logsink

import "log/slog"

// attrOverhead is what an attribute takes besides its texts.
const attrOverhead = 40

// recordSize is what a record holds in memory: its texts, and for each attribute
// what the rest of it takes. Values whose type does not show their size count as
// that much: asking them is for the handler.
func recordSize(r slog.Record) int {
	size := recordOverhead + len(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		size += attrSize(a)
		return true
	})
	return size
}

func attrSize(a slog.Attr) int {
	size := attrOverhead + len(a.Key)
	switch a.Value.Kind() {
	case slog.KindString:
		return size + len(a.Value.String())
	case slog.KindGroup:
		for _, inner := range a.Value.Group() {
			size += attrSize(inner)
		}
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case error:
			return size + errorSize(v)
		case []byte:
			return size + len(v)
		case []string:
			for _, text := range v {
				size += len(text)
			}
		}
	}
	return size
}

// errorSize is the size of an error's text. Loggers are given nil pointers that
// are errors, too, and handlers put up with them.
func errorSize(err error) (size int) {
	defer func() { _ = recover() }()
	return len(err.Error())
}
