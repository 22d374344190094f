package events

import (
	"context"
	"log/slog"
	"slices"
)

// handler keeps the lines that are events, and hands all on that next wants.
type handler struct {
	ring *Ring
	next slog.Handler
	with []slog.Attr
	kind Kind // of all lines, if the logger has one
}

// Handler is a handler that keeps events in the ring, whatever level next wants, and hands
// lines on to next.
func (r *Ring) Handler(next slog.Handler) slog.Handler { return &handler{ring: r, next: next} }

// Below is logger without the ring: for the words of plugins, and for the question which
// level the log has.
func Below(logger *slog.Logger) *slog.Logger {
	if h, ok := logger.Handler().(*handler); ok {
		return slog.New(h.next)
	}
	return logger
}

// Enabled implements slog.Handler. An event is above debug.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || h.next.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	if e := h.event(record); e != nil {
		h.ring.add(e)
	}
	if !h.next.Enabled(ctx, record.Level) {
		return nil
	}
	return h.next.Handle(ctx, record)
}

// event is the event that a line is; nil if it has no kind. Attributes of groups and fields
// beyond MaxFields are in the log alone.
func (h *handler) event(record slog.Record) *Event {
	kind := h.kind
	record.Attrs(func(a slog.Attr) bool {
		k, ok := a.Value.Any().(Kind)
		if ok {
			kind = k
		}
		return !ok
	})
	if kind == "" {
		return nil
	}
	e := &Event{Time: record.Time.UTC(), Kind: kind, Severity: record.Level, Sentence: cut(record.Message, MaxSentence)}
	add := func(a slog.Attr) bool {
		if _, isKind := a.Value.Any().(Kind); !isKind && a.Value.Kind() != slog.KindGroup {
			e.Fields = append(e.Fields, fieldOf(a))
		}
		return len(e.Fields) < MaxFields
	}
	for _, a := range h.with {
		add(a)
	}
	record.Attrs(add)
	return e
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.next, next.with = h.next.WithAttrs(attrs), slices.Clone(h.with)
	for _, a := range attrs {
		if kind, ok := a.Value.Any().(Kind); ok {
			next.kind = kind
		} else if len(next.with) < MaxFields-1 {
			next.with = append(next.with, a)
		}
	}
	return &next
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	next := *h
	next.next = h.next.WithGroup(name)
	return &next
}
