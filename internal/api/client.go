package api

import (
	"context"

	"github.com/pontoon-raft/pontoon/internal/access"
)

// A client is by what a request is counted: the client that it comes from, and
// the connection.
type client struct {
	key  string
	conn *clientConn // nil if the request came on none of the client port
}

// sharerOf says by what the request of ctx is counted.
func sharerOf(ctx context.Context) client {
	from := connectionOf(ctx)
	who, ok := access.From(ctx)
	if !ok {
		who = access.Identity{Address: addressOf(from.Addr)}
	}
	return client{who.Key(), from.conn}
}
