package api

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
)

// Uses are what clients have of the server at present, by name: each count that goes
// back to 0 when they are gone. Those that are 0 are left out.
func (s *Server) Uses(t testing.TB) map[string]int64 {
	t.Helper()
	u := uses{}
	u.fields(t, "bounds", reflect.ValueOf(s.bounds).Elem(), map[string]func(){
		"limits": nil, "counts": nil, // count on
		"slow":   func() { u.add("slow", int64(len(s.bounds.slow.all()))) },
		"meters": func() { u.meters(t, &s.bounds.meters) },
	})
	guard := s.requests.guard.InUse()
	u.add("guard.held", int64(guard.Held))
	u.add("guard.users", int64(guard.Users))
	u.add("guard.connections", int64(guard.Connections))
	u.add("guard.inFlight", int64(guard.InFlight))
	s.clients.mu.Lock()
	u.add("undecided", int64(s.clients.undecided.Len()))
	s.clients.mu.Unlock()
	u.add("open", s.clients.open.Load())
	s.reserved.mu.Lock()
	u.add("reserved", int64(len(s.reserved.running)))
	s.reserved.mu.Unlock()
	s.silent.mu.Lock()
	u.add("silent", int64(len(s.silent.conns)))
	s.silent.mu.Unlock()
	s.adminLn.mu.Lock()
	u.add("admin", int64(s.adminLn.conns.Len()))
	s.adminLn.mu.Unlock()
	return u
}

type uses map[string]int64

func (u uses) add(name string, n int64) {
	if n != 0 {
		u[name] += n
	}
}

// fields adds the pools and the numbers among the fields of a struct. Fields of other
// types are handled by their names: a new one has to be added.
func (u uses) fields(t testing.TB, of string, v reflect.Value, others map[string]func()) {
	t.Helper()
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		if other, told := others[name]; told {
			if other != nil {
				other()
			}
			continue
		}
		at := f.Addr().UnsafePointer()
		switch f.Type() {
		case reflect.TypeFor[*pool]():
			u.pool(of+"."+name, *(**pool)(at))
		case reflect.TypeFor[atomic.Int64]():
			u.add(of+"."+name, (*atomic.Int64)(at).Load())
		default:
			t.Fatalf("%s.%s: it is not told whether this is 0 without clients", of, name)
		}
	}
}

func (u uses) pool(name string, p *pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u.add(name+".count", p.used.count)
	u.add(name+".bytes", p.used.bytes)
	for key, s := range p.clients {
		u.add(fmt.Sprintf("%s[%s]", name, key), 1)
		u.add(fmt.Sprintf("%s[%s].count", name, key), s.used.count)
		u.add(fmt.Sprintf("%s[%s].bytes", name, key), s.used.bytes)
	}
}

func (u uses) meters(t testing.TB, m *meters) {
	t.Helper()
	u.fields(t, "meters", reflect.ValueOf(m).Elem(), map[string]func(){
		"limits": nil, "mostBytes": nil, "mostUnread": nil, "counts": nil, "results": nil, "said": nil, // bounds, or told of elsewhere
		"waste": nil, // is forgotten in time, see TestWasteIsCountedByAddress
		"mu":    nil, "cutting": nil,
		"conns": func() { u.add("meters.conns", int64(len(m.all()))) },
		"handed": func() {
			m.handed.mu.Lock()
			defer m.handed.mu.Unlock()
			for address, n := range m.handed.by {
				u.add(fmt.Sprintf("meters.handed[%s]", address), n)
			}
			u.add("meters.handed", int64(len(m.handed.by)))
		},
	})
}
