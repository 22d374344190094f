package events

import (
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of one event. A longer text is cut, and ends with an ellipsis.
const (
	// MaxSentence and MaxText are bytes of a sentence, and of a field's text.
	MaxSentence = 512
	MaxText     = 1024
	// MaxFields is how many fields an event has, and maxName the bytes of the name of one.
	MaxFields = 12
	maxName   = 64
)

// An Event is a sentence about something that has happened in this host. Nothing of it
// changes after it was made.
type Event struct {
	// Number rises with each event of a Ring. An event that happens again gets a new one.
	Number   uint64
	Time     time.Time
	Kind     Kind
	Severity slog.Level
	Sentence string
	Fields   []Field
	// Times is how often it has happened since Since, the last time at Time.
	Times uint64
	Since time.Time
}

// A Field has one value: a text, an integer or a truth. A duration is an integer of
// milliseconds, and its name ends in _ms.
type Field struct {
	Name  string
	Value any // string, int64 or bool
}

// fieldOf makes a field of an attribute.
func fieldOf(a slog.Attr) Field {
	name, v := cut(a.Key, maxName), a.Value.Resolve()
	switch v.Kind() {
	case slog.KindInt64:
		return Field{name, v.Int64()}
	case slog.KindUint64:
		if n := int64(v.Uint64()); n >= 0 {
			return Field{name, n}
		}
	case slog.KindBool:
		return Field{name, v.Bool()}
	case slog.KindDuration:
		return Field{name + "_ms", v.Duration().Milliseconds()}
	}
	return Field{name, cut(v.String(), MaxText)}
}

// cut is text of at most so many bytes, as valid UTF-8 without characters that steer a
// terminal: they become spaces.
func cut(text string, most int) string {
	const ellipsis = "…"
	whole := len(text) <= most
	if !whole {
		text = text[:most-len(ellipsis)]
		for n := 0; n < utf8.UTFMax-1 && len(text) > 0 && !endsWhole(text); n++ {
			text = text[:len(text)-1]
		}
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '?'
		case !unicode.IsPrint(r):
			return ' '
		}
		return r
	}, text)
	if !whole {
		text += ellipsis
	}
	return text
}

// endsWhole tells whether the last character of text is whole.
func endsWhole(text string) bool {
	r, size := utf8.DecodeLastRuneInString(text)
	return r != utf8.RuneError || size > 1
}

// size is about what an event takes in memory.
func (e *Event) size() int {
	const own, field = 160, 56
	n := own + len(e.Sentence)
	for _, f := range e.Fields {
		text, _ := f.Value.(string)
		n += field + len(f.Name) + len(text)
	}
	return n
}

// same tells whether two events are one that has happened twice.
func (e *Event) same(other *Event) bool {
	return e.Kind == other.Kind && e.Severity == other.Severity && e.Sentence == other.Sentence && slices.Equal(e.Fields, other.Fields)
}
