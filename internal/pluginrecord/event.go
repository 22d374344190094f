package pluginrecord

import (
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/fields"
)

// A Kind says what an event is.
type Kind uint64

// The kinds of events.
const (
	// Header begins a file. No other event has fields Series, Number, Plugin and Host.
	Header Kind = 1
	// Life is the beginning of a process, and LifeOver its end.
	Life     Kind = 2
	LifeOver Kind = 3
	// Call is the beginning of a call.
	Call Kind = 4
	// Request is a message of the host, and Answer one of the plugin.
	Request Kind = 5
	Answer  Kind = 6
	// Sent: the host sends nothing more on the call.
	Sent Kind = 7
	// Status is the end of a call, with a google.rpc.Status; an empty one is OK.
	Status Kind = 8
	// GivenUp is the end of a call that the host did not wait for.
	GivenUp Kind = 9
	// Gap stands for events that are missing.
	Gap Kind = 10
	// End is the end of a record that was ended in good order.
	End Kind = 11
)

// maxKind is the last kind.
const maxKind = End

// String implements fmt.Stringer.
func (k Kind) String() string {
	names := []string{"", "header", "life", "life over", "call", "request", "answer", "sent", "status", "given up", "gap", "end"}
	if k == 0 || k > maxKind {
		return fmt.Sprintf("kind %d", uint64(k))
	}
	return names[k]
}

// An Event is one thing that the host saw on the connection of a plugin.
type Event struct {
	Kind Kind
	// Time is when.
	Time time.Time
	// Life numbers the processes of the plugin, and Call the calls of all of them.
	Life, Call uint64
	// Method is that of a Call.
	Method string
	// Continued: the event is from before the file, or from before a gap, and is there so
	// that what follows can be understood.
	Continued bool
	// Count is how many events are missing at a Gap; 0 if that is not known.
	Count uint64
	// Name and Version are what the plugin of a Life said of itself, and PID is its process.
	Name, Version string
	PID           uint64
	// Series is that of a record that was written without a break, Number that of the file
	// in it. Plugin is the plugin's kind, and Host the version of its host.
	Series, Number uint64
	Plugin, Host   string
	// Message is that of a Request or an Answer, or the status of a Status.
	Message []byte
}

// The numbers of the fields of an event.
const (
	fieldKind = iota + 1
	fieldTime
	fieldLife
	fieldCall
	fieldMethod
	fieldContinued
	fieldCount
	fieldName
	fieldVersion
	fieldPID
	fieldSeries
	fieldNumber
	fieldPlugin
	fieldHost
	fieldMessage
)

// appendHead appends the fields of an event up to the message, of which it appends the tag and
// the length.
func (e *Event) appendHead(b []byte) []byte {
	b = fields.AppendVarint(b, fieldKind, uint64(e.Kind))
	b = fields.AppendVarint(b, fieldTime, uint64(e.Time.UnixNano()))
	b = fields.AppendVarint(b, fieldLife, e.Life)
	b = fields.AppendVarint(b, fieldCall, e.Call)
	b = fields.AppendBytes(b, fieldMethod, e.Method)
	if e.Continued {
		b = fields.AppendVarint(b, fieldContinued, 1)
	}
	b = fields.AppendVarint(b, fieldCount, e.Count)
	b = fields.AppendBytes(b, fieldName, e.Name)
	b = fields.AppendBytes(b, fieldVersion, e.Version)
	b = fields.AppendVarint(b, fieldPID, e.PID)
	b = fields.AppendVarint(b, fieldSeries, e.Series)
	b = fields.AppendVarint(b, fieldNumber, e.Number)
	b = fields.AppendBytes(b, fieldPlugin, e.Plugin)
	b = fields.AppendBytes(b, fieldHost, e.Host)
	if len(e.Message) > 0 {
		b = fields.AppendLength(b, fieldMessage, len(e.Message))
	}
	return b
}

// eventOverhead is more than an event has beside its message and its texts.
const eventOverhead = 128

// size is more than an event takes in a file.
func (e *Event) size() int64 {
	return int64(eventOverhead + len(e.Method) + len(e.Name) + len(e.Version) + len(e.Plugin) + len(e.Host) + len(e.Message))
}

var errEvent = errors.New("it is not an event")

// decode reads an event, of which the message is a slice of b. Fields that are not known are
// skipped.
func decode(b []byte) (e Event, err error) {
	w := fields.Over(b)
	for w.Next() {
		e.set(&w)
	}
	if err := w.Err(); err != nil {
		return Event{}, fmt.Errorf("%w: %w", errEvent, err)
	}
	if e.Kind == 0 || e.Kind > maxKind {
		return Event{}, fmt.Errorf("%w: %v", errEvent, e.Kind)
	}
	return e, nil
}

// set takes one field. A field of another type than it should have is skipped.
func (e *Event) set(w *fields.Walk) {
	if w.Type() == fields.Varint {
		switch w.Number() {
		case fieldKind:
			e.Kind = Kind(w.Varint)
		case fieldTime:
			e.Time = time.Unix(0, int64(w.Varint))
		case fieldLife:
			e.Life = w.Varint
		case fieldCall:
			e.Call = w.Varint
		case fieldContinued:
			e.Continued = w.Varint != 0
		case fieldCount:
			e.Count = w.Varint
		case fieldPID:
			e.PID = w.Varint
		case fieldSeries:
			e.Series = w.Varint
		case fieldNumber:
			e.Number = w.Varint
		}
		return
	}
	if w.Type() != fields.Bytes {
		return
	}
	switch w.Number() {
	case fieldMethod:
		e.Method = string(w.Value)
	case fieldName:
		e.Name = string(w.Value)
	case fieldVersion:
		e.Version = string(w.Value)
	case fieldPlugin:
		e.Plugin = string(w.Value)
	case fieldHost:
		e.Host = string(w.Value)
	case fieldMessage:
		e.Message = w.Value
	}
}
