package access

// InUse is what clients have of a Guard at present.
type InUse struct {
	// Held are the requests that end with their token.
	Held int
	// Users are the holders of what clients with a limit use, Connections and InFlight
	// what these clients have of their limits together.
	Users, Connections, InFlight int
}

// InUse tells what clients have. A nil Guard has none.
func (g *Guard) InUse() (n InUse) {
	if g == nil {
		return n
	}
	g.holds.mu.Lock()
	for _, all := range g.holds.byID {
		n.Held += len(all)
	}
	g.holds.mu.Unlock()
	g.usage.mu.Lock()
	defer g.usage.mu.Unlock()
	for _, c := range g.usage.byKey {
		n.Users += c.users
		c.mu.Lock()
		n.Connections += c.connections
		n.InFlight += c.inFlight
		c.mu.Unlock()
	}
	return n
}
