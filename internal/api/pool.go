package api

import "sync"

// generosity is how many times what is free a client may have: with 8, a client
// that wants everything gets eight ninths of a pool, and each of several gets
// less, so that a ninth over the number of them stays free for those that come.
const generosity = 8

// few is how much a client, or one connection, gets ahead of those that take all
// they can.
const few = 4

// leftToClients is the part of a pool that clients with little have before new
// connections of others: the 128th.
const leftToClients = 128

// An amount is a number of things and their bytes.
type amount struct{ count, bytes int64 }

func (a *amount) add(b amount, by int64) {
	a.count += by * b.count
	a.bytes += by * b.bytes
}

// A pool shares a bounded amount between clients, and what a client has between
// its connections. None of them has a share of its own that would lie idle: each
// may take as long as it has less than so many times what is free. Those that
// take all they can leave something to a newcomer, whatever their number.
type pool struct {
	limit amount // bytes of 0: they are not bounded

	mu      sync.Mutex
	used    amount
	clients map[string]*share
}

// A share is what one client has of a pool.
type share struct {
	used  amount
	lanes map[*clientConn]*lane
}

// A lane is what one client has of a pool by way of one connection.
type lane struct {
	pool  *pool
	key   string
	conn  *clientConn
	share *share
	used  amount
	users int // between enter and leave
}

func newPool(limit amount) *pool { return &pool{limit: limit, clients: map[string]*share{}} }

// enter finds the lane of a client on a connection. Its user leaves it.
func (p *pool) enter(c client) *lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.clients[c.key]
	if s == nil {
		s = &share{lanes: map[*clientConn]*lane{}}
		p.clients[c.key] = s
	}
	l := s.lanes[c.conn]
	if l == nil {
		l = &lane{pool: p, key: c.key, conn: c.conn, share: s}
		s.lanes[c.conn] = l
	}
	l.users++
	return l
}

// leave ends a use of the lane, which lasts until what was taken is given back.
func (l *lane) leave() {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.users--
	l.dropLocked()
}

// take reports false if there is no room for a.
func (l *lane) take(a amount) bool {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	return l.takeLocked(a)
}

// takeBelow is take, for a connection that may have so many.
func (l *lane) takeBelow(a amount, most int64) bool {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	return l.used.count+a.count <= most && l.takeLocked(a)
}

// has tells whether there is room for a.
func (l *lane) has(a amount) bool {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	return l.fits(a)
}

func (l *lane) takeLocked(a amount) bool {
	if !l.fits(a) {
		return false
	}
	l.addLocked(a, 1)
	return true
}

// give gives back what was taken.
func (l *lane) give(a amount) {
	if a == (amount{}) {
		return
	}
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.addLocked(a, -1)
	l.dropLocked()
}

func (l *lane) addLocked(a amount, by int64) {
	l.used.add(a, by)
	l.share.used.add(a, by)
	l.pool.used.add(a, by)
}

func (l *lane) dropLocked() {
	if l.users > 0 || l.used != (amount{}) {
		return
	}
	delete(l.share.lanes, l.conn)
	if len(l.share.lanes) == 0 {
		delete(l.pool.clients, l.key)
	}
}

// fits tells whether a may be taken. A client that has little gets what there is.
// A connection that has little does so too, but leaves some, so that a client with
// many connections does not keep others out.
func (l *lane) fits(a amount) bool {
	p := l.pool
	free := p.limit
	free.add(p.used, -1)
	if a.count > free.count || p.limit.bytes > 0 && a.bytes > free.bytes {
		return false
	}
	if l.share.used.count < few {
		return true
	}
	if l.used.count < few && free.count > p.limit.count/leftToClients && (p.limit.bytes == 0 || a.bytes <= free.bytes/2) {
		return true
	}
	return fair(free.count, l.share.used.count, l.used.count, a.count) &&
		(p.limit.bytes == 0 || fair(free.bytes, l.share.used.bytes, l.used.bytes, a.bytes))
}

// fair applies the rule of a pool to the client, and within what the client may
// have to its connection, as both are when want is taken. A large request would
// else take more than its client may have, and keep small ones out until that is
// given back.
func fair(free, client, connection, want int64) bool {
	rest := generosity*(free-want) - (client + want)
	return rest >= 0 && connection+want <= generosity*rest
}

// inUse is how much is taken.
func (p *pool) inUse() amount {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}
