package pluginrecord

import (
	"maps"
	"slices"
	"strings"
)

// openThings are the lives and the calls that have not ended, as far as a file that begins now must
// tell of them.
type openThings struct {
	lives map[uint64]*openLife
	calls map[uint64]Event
}

// An openLife is a process, and the call of Open that it got.
type openLife struct {
	begin Event
	open  []Event
	call  uint64 // of Open
}

func newOpenThings() openThings {
	return openThings{lives: map[uint64]*openLife{}, calls: map[uint64]Event{}}
}

// openMethod is how the methods end that open a plugin.
const openMethod = "/Open"

// note takes an event into account, whether it is recorded or left out.
func (o *openThings) note(e *Event) {
	switch e.Kind {
	case Life:
		o.lives[e.Life] = &openLife{begin: *e}
	case LifeOver:
		delete(o.lives, e.Life)
		maps.DeleteFunc(o.calls, func(_ uint64, c Event) bool { return c.Life == e.Life })
	case Call:
		if o.lives[e.Life] != nil {
			o.calls[e.Call] = *e
		}
	case Status, GivenUp:
		delete(o.calls, e.Call)
	}
	if l := o.lives[e.Life]; l != nil {
		l.note(e)
	}
}

// note keeps the events of an Open, until there is another one.
func (l *openLife) note(e *Event) {
	if e.Kind == Call && strings.HasSuffix(e.Method, openMethod) {
		l.call, l.open = e.Call, nil
	}
	if l.call != 0 && e.Call == l.call {
		l.open = append(l.open, *e)
	}
}

// events are what goes on, for a file that begins or after a gap.
func (o *openThings) events() (all []Event) {
	for _, n := range slices.Sorted(maps.Keys(o.lives)) {
		l := o.lives[n]
		all = append(append(all, l.begin), l.open...)
		for _, c := range slices.Sorted(maps.Keys(o.calls)) {
			if call := o.calls[c]; call.Life == n && c != l.call {
				all = append(all, call)
			}
		}
	}
	for i := range all {
		all[i].Continued = true
	}
	return all
}
