package access

import (
	"slices"
	"strings"
	"sync/atomic"
)

// A Class says which role a client needs for what begins with a prefix.
type Class struct {
	Prefix string
	// Query tells queries from commands.
	Query bool
	Role  Role
}

// Classes are what the state machine says of its commands and queries: which of them
// need more than the role of their method. Their methods may be called from any
// goroutine. Until the first Adopt they are not known.
type Classes struct {
	table atomic.Pointer[classTable]
}

// NewClasses returns Classes that are not known yet.
func NewClasses() *Classes { return &Classes{} }

// Adopt makes list the one that holds from now on, instead of the one before. It
// reports whether that changes anything. No two classes of commands may have the same
// prefix, nor two of queries.
func (c *Classes) Adopt(list []Class) (changed bool) {
	next := &classTable{commands: newPrefixes(list, false), queries: newPrefixes(list, true)}
	last := c.table.Load()
	if last != nil && next.equal(last) {
		return false
	}
	c.table.Store(next)
	return last != nil || len(list) > 0
}

// OfCommand returns the class of a command; nil if it has none. Known is false
// as long as the state machine has not said what classes there are.
func (c *Classes) OfCommand(data []byte) (class *Class, known bool) {
	t := c.table.Load()
	if t == nil {
		return nil, false
	}
	return t.commands.find(data), true
}

// OfQuery is OfCommand for queries.
func (c *Classes) OfQuery(data []byte) (class *Class, known bool) {
	t := c.table.Load()
	if t == nil {
		return nil, false
	}
	return t.queries.find(data), true
}

// A classTable is one list of classes. It never changes.
type classTable struct{ commands, queries prefixes }

func (t *classTable) equal(o *classTable) bool {
	return t.commands.equal(o.commands) && t.queries.equal(o.queries)
}

// prefixes are classes in the order of their prefixes. Data that sorts between a prefix
// and something that begins with the prefix begins with it, too. So the longest prefix
// of some data is the last one that does not sort after the data, or a prefix of that
// one.
type prefixes []prefix

type prefix struct {
	Class
	// shorter is the place of the longest other prefix that this one begins with; -1
	// if there is none.
	shorter int
}

func newPrefixes(list []Class, query bool) prefixes {
	var p prefixes
	for _, c := range list {
		if c.Query == query {
			p = append(p, prefix{Class: c, shorter: -1})
		}
	}
	slices.SortFunc(p, func(a, b prefix) int { return strings.Compare(a.Prefix, b.Prefix) })
	for i := 1; i < len(p); i++ {
		at := i - 1
		for at >= 0 && !strings.HasPrefix(p[i].Prefix, p[at].Prefix) {
			at = p[at].shorter
		}
		p[i].shorter = at
	}
	return p
}

// find allocates nothing and looks at no more of data than the longest prefix has.
func (p prefixes) find(data []byte) *Class {
	at, after := -1, len(p)
	for at+1 < after {
		middle := int(uint(at+after) / 2)
		if p[middle].Prefix <= string(data) {
			at = middle
		} else {
			after = middle
		}
	}
	for ; at >= 0; at = p[at].shorter {
		if c := &p[at].Class; len(c.Prefix) <= len(data) && string(data[:len(c.Prefix)]) == c.Prefix {
			return c
		}
	}
	return nil
}

func (p prefixes) equal(o prefixes) bool {
	return slices.EqualFunc(p, o, func(a, b prefix) bool { return a.Class == b.Class })
}
