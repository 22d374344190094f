package statemachine

import (
	"fmt"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// The wire types are the contract's types.
type (
	// Class says which role a client needs for the commands, or queries, that begin
	// with a prefix. The longest prefix that fits counts. An empty one fits whatever
	// no other does; without it that needs the role of its method.
	Class = pluginv1.CommandClass
	// Role is what a client may do; each may do all that those before it may.
	Role = pluginv1.Role
)

// The roles that a class may demand.
const (
	// RoleRead is what every query needs. A class of queries with it takes a prefix
	// out of a shorter one that demands more.
	RoleRead = pluginv1.Role_ROLE_READ
	// RoleWrite is what every command needs.
	RoleWrite = pluginv1.Role_ROLE_WRITE
	// RoleAdminister is the most that there is.
	RoleAdminister = pluginv1.Role_ROLE_ADMINISTER
)

// The bounds of a list of classes.
const (
	// MaxClasses is how many classes of commands and queries there may be together.
	MaxClasses = 256
	// MaxClassBytes is how long the prefix of a class may be.
	MaxClassBytes = 64
)

// Classer may be implemented by a StateMachine some of whose commands or queries are
// not for every client that may propose or query. The host refuses them to clients
// whose role does not suffice, if its configuration gives clients roles.
//
// A prefix is a guard only if the first bytes of a command decide what it does, and if
// every command has one form: where fields may come in any order, or a command
// may hold others, a client finds a form that the prefix does not fit.
type Classer interface {
	// Classes returns the classes. The host asks once after each Open, and holds
	// its clients to the answer until the next Open. It must be the same at every
	// call, and on every member: a member holds its own clients to its own list. The
	// host does not change it.
	Classes() []Class
}

// CheckClasses says what makes a list unusable, as a plugins.ErrBadAnswer.
func CheckClasses(list []Class) error {
	if n := len(list); n > MaxClasses {
		return badClasses("%d classes, at most %d", n, MaxClasses)
	}
	type key struct {
		query  bool
		prefix string
	}
	places := make(map[key]int, len(list))
	for i := range list {
		c := &list[i]
		if n := len(c.Prefix); n > MaxClassBytes {
			return badClasses("class %d of %d has a prefix of %d bytes, at most %d", i+1, len(list), n, MaxClassBytes)
		}
		if c.Role < RoleRead || c.Role > RoleAdminister {
			return badClasses("class %d of %d (prefix %q) demands role %d; read is %d, write %d, administer %d",
				i+1, len(list), c.Prefix, c.Role, RoleRead, RoleWrite, RoleAdminister)
		}
		if !c.Query && c.Role < RoleWrite {
			return badClasses("class %d of %d (prefix %q) lets clients with role %d (read) propose; a command needs at least %d (write)",
				i+1, len(list), c.Prefix, c.Role, RoleWrite)
		}
		k := key{c.Query, string(c.Prefix)}
		if first, twice := places[k]; twice {
			return badClasses("classes %d and %d of %d have the same prefix %q", first, i+1, len(list), c.Prefix)
		}
		places[k] = i + 1
	}
	return nil
}

func badClasses(format string, args ...any) error {
	return fmt.Errorf("%w: %s (rule SM-4)", plugins.ErrBadAnswer, fmt.Sprintf(format, args...))
}
