package sqlite

import (
	"errors"
	"math"
	"time"
)

// attach makes the writer's connection run commands: the functions of an entry, the limits.
func (r *executor) attach() error {
	w := r.s.writer
	w.Spend = r.spend
	w.Changed = func(rowid int64, bytes int) bool {
		if r.s.rules.own {
			return true
		}
		r.last = r.last || rowid == math.MaxInt64
		r.written += bytes
		return !r.bounded || r.written <= maxWritten
	}
	for name, args := range notOfTheEntry {
		reason := errors.New(refusedFunction(name))
		if err := w.Function(name, args, func() (any, error) { return nil, reason }); err != nil {
			return err
		}
	}
	for name, f := range r.functions() {
		if err := w.Function(name, 0, f); err != nil {
			return err
		}
	}
	return nil
}

// spend takes the price of a part of a statement from what is left.
func (r *executor) spend(instructions int) bool {
	switch {
	case r.expanding:
		r.expansion += instructions
		return r.expansion > maxExpansion
	case r.s.rules.own || !r.bounded:
		return false
	}
	r.steps -= instructions
	r.over = r.over || r.steps <= 0
	return r.over
}

// functions are those of the entry that is applied.
func (r *executor) functions() map[string]func() (any, error) {
	at := func(layout string) func() (any, error) {
		return func() (any, error) {
			if r.entry.Time == 0 {
				return nil, errors.New("the cluster has no time yet")
			}
			return time.UnixMilli(int64(r.entry.Time)).UTC().Format(layout), nil
		}
	}
	return map[string]func() (any, error){
		"entry_time":        func() (any, error) { return int64(r.entry.Time), nil },
		"entry_term":        func() (any, error) { return int64(r.entry.Term), nil },
		"entry_index":       func() (any, error) { return int64(r.entry.Index), nil },
		"current_timestamp": at(time.DateTime),
		"current_date":      at(time.DateOnly),
		"current_time":      at(time.TimeOnly),
	}
}
