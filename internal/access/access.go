// Package access says which client a request comes from, and what that client
// may do.
//
// The two ports of internal/api find out the client and put its Identity into the
// context of the request; code that decides, counts or records by client reads
// it from there. A request without an Identity in its context comes from
// inside the host.
package access

import (
	"context"
	"fmt"
)

// Role is what a client may do. Each role may do all that those before it may.
type Role uint8

// The roles, from the one that may do least. The zero value may do nothing.
const (
	// None may do nothing but ask for the health of a host.
	None Role = iota
	// Read may query the state machine and ask for status, members and metrics.
	Read
	// Write may also propose.
	Write
	// Administer may also change the members, move the leadership, and read
	// profiles.
	Administer
)

// roles are the names of the roles in configurations and messages.
var roles = [...]string{None: "none", Read: "read", Write: "write", Administer: "administer"}

// String is the role's name in configurations and messages.
func (r Role) String() string {
	if int(r) < len(roles) {
		return roles[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// ParseRole is the role of that name. The error names those there are.
func ParseRole(name string) (Role, error) {
	for r, s := range roles {
		if s == name {
			return Role(r), nil
		}
	}
	return None, fmt.Errorf("%q is not a role: it is none, read, write or administer", name)
}

// May reports whether a client of this role may do what needs the other one.
func (r Role) May(need Role) bool { return r >= need }

// The ways in which a client proves its name.
const (
	MethodCertificate = "certificate"
	MethodToken       = "token"
)

// An Identity is one client, as far as the host knows it.
type Identity struct {
	// Name is what the client's certificate or token says, empty for a client
	// without either.
	Name string
	// Method is how the client proved the name: MethodCertificate, MethodToken or,
	// without a name, empty.
	Method string
	// Token is the id of the token, if there is one. It is not secret.
	Token string
	// Role is what the client may do.
	Role Role
	// Address is the IP address that the client's connection comes from, without
	// the port.
	Address string
}

// Key is what shares and limits are counted by: the name if there is one, and
// otherwise the address. Keys of either kind never meet.
func (i Identity) Key() string {
	if i.Name != "" {
		return "name:" + i.Name
	}
	return "address:" + i.Address
}

type contextKey struct{}

// With is ctx of a request of that client.
func With(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, i)
}

// From is the client that the request of ctx comes from. It reports false for
// requests from inside the host.
func From(ctx context.Context) (Identity, bool) {
	i, ok := ctx.Value(contextKey{}).(Identity)
	return i, ok
}
