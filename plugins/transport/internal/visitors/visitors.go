// Package visitors counts the inbound connections of a transport: all of them, those from
// one address, and among these the strangers, on which no member was heard yet.
package visitors

import (
	"slices"
	"sync"
)

// Visitors are the connections there are. All methods may be called at any time by any goroutine.
// Connections come in by Enter or by EnterFree, and not by both: one that does not give way
// cannot make room for one that does.
type Visitors struct {
	total, each int

	mu        sync.Mutex
	all       int
	open      map[string]int        // by address
	strangers map[string][]*Visitor // by address, the oldest first
	unknown   int                   // all strangers
}

// New returns none. There may be total of them, and each from one address.
func New(total, each int) *Visitors {
	return &Visitors{total: total, each: each, open: map[string]int{}, strangers: map[string][]*Visitor{}}
}

// A Visitor is one connection, from its entry until Leave. It is a stranger until Known.
type Visitor struct {
	of   *Visitors
	host string
	end  func() // nil if it does not give way
	// left and known are guarded by of.mu. A connection that has left
	// does not count among the strangers any more.
	left, known bool
}

// Enter gives a connection its place; nil if there is none. Strangers hold half of the places
// at most. When these, or those of the address, are taken, the stranger that has been there for
// longest, of the address that has most of them, gives way: its end is called.
func (s *Visitors) Enter(host string, end func()) *Visitor {
	s.mu.Lock()
	full := s.all >= s.total || s.open[host] >= s.each
	if full && len(s.strangers[host]) == 0 {
		s.mu.Unlock()
		return nil
	}
	goes := func() {}
	switch {
	case full: // a member's connection, or another address's, does not go
		goes = s.strangers[host][0].leave()
	case s.unknown >= max(1, s.total/2):
		goes = s.crowded().leave()
	}
	v := s.admit(host, end)
	s.mu.Unlock()
	goes()
	return v
}

// EnterFree gives a connection that will not give way its place; nil if there is none. Strangers
// hold half of the places at most, also of those of their address: members that are
// connected keep the rest.
func (s *Visitors) EnterFree(host string) *Visitor {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.total || s.open[host] >= s.each || s.unknown >= max(1, s.total/2) || len(s.strangers[host]) >= max(1, s.each/2) {
		return nil
	}
	return s.admit(host, nil)
}

// admit needs s.mu.
func (s *Visitors) admit(host string, end func()) *Visitor {
	v := &Visitor{of: s, host: host, end: end}
	s.all++
	s.open[host]++
	s.unknown++
	s.strangers[host] = append(s.strangers[host], v)
	return v
}

// crowded is the oldest stranger of the address with most of them. It needs s.mu.
func (s *Visitors) crowded() *Visitor {
	most := ""
	for host, all := range s.strangers {
		if len(all) > len(s.strangers[most]) {
			most = host
		}
	}
	return s.strangers[most][0]
}

// Count is how many there are, and how many strangers there are, in all and of an address.
func (s *Visitors) Count(host string) (all, strangers, here int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all, s.unknown, len(s.strangers[host])
}

// Known notes that a member has spoken on the connection.
func (v *Visitor) Known() {
	v.of.mu.Lock()
	defer v.of.mu.Unlock()
	v.recognise()
}

// Leave gives the place back, once.
func (v *Visitor) Leave() {
	v.of.mu.Lock()
	defer v.of.mu.Unlock()
	v.leave()
}

// leave returns what ends the connection. It needs of.mu.
func (v *Visitor) leave() (end func()) {
	if v.left {
		return v.end
	}
	v.left = true
	s := v.of
	s.all--
	if s.open[v.host]--; s.open[v.host] == 0 {
		delete(s.open, v.host)
	}
	v.recognise()
	return v.end
}

// recognise takes a connection off the strangers. It needs of.mu.
func (v *Visitor) recognise() {
	if v.known {
		return
	}
	v.known = true
	s := v.of
	s.unknown--
	others := slices.DeleteFunc(s.strangers[v.host], func(o *Visitor) bool { return o == v })
	if s.strangers[v.host] = others; len(others) == 0 {
		delete(s.strangers, v.host)
	}
}
