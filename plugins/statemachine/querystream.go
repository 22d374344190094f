package statemachine

import (
	"context"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
)

// CapabilityQueryStreams: the state machine is a QueryStreamer. Describe says so.
const CapabilityQueryStreams plugins.Capability = "query-streams"

// MaxQueryStreams is how many streams of a QueryStreamer a host has under way at a time. A
// feed may last for hours, so that there is room for some beside answers that end.
const MaxQueryStreams = 32

// ErrNoQueryStreams: the state machine answers no query in chunks. QueryStream, the
// function, returns it of a state machine without CapabilityQueryStreams.
var ErrNoQueryStreams = errors.New("the state machine answers no query in chunks")

// ErrTooManyStreams: QueryStream was called while too many calls that the host had given up
// have not returned. The plugin's end of the connection returns it for a backend that does
// not end with its context. A host that gets nothing else for as long as a call may be
// silent ends the plugin.
var ErrTooManyStreams = errors.New("answers in chunks that were given up have not returned")

// QueryStreamer is implemented by a state machine that answers queries in chunks: those
// whose answers are longer than a message, and those whose answers go on, a feed of
// changes. It announces CapabilityQueryStreams.
type QueryStreamer interface {
	// QueryStream answers a query by calling send with one chunk after the other, and
	// returns nil after the last. The chunks reach the client as they were cut, so each
	// may be a message of its own. Which queries have such answers is for the state
	// machine to say; of others it returns ErrInvalidQuery.
	//
	// State: the answer reflects at least what was applied before the call. Whether it
	// shows entries that are applied while it lasts, and whether all of it is of one
	// state, is for the state machine to promise. It has no effect on the state.
	//
	// Concurrency: as Query, it runs beside everything except Restore. At most
	// MaxQueryStreams calls of the host's run at a time. One call calls send from one
	// goroutine at a time, and not after it has returned.
	//
	// Flow control: send waits for as long as the receiver takes no more. No lock
	// that Apply, Query or PrepareSnapshot needs may be held meanwhile, and a view of
	// the state should cost little: the client decides how long it is held.
	//
	// Limits: a chunk has at most Limits.MaxChunkBytes, and should have
	// Limits.ChunkBytes; send refuses a longer one with plugins.ErrLimit. There is no
	// limit to all of them. The receiver is done with the bytes of a chunk when send
	// returns. An empty chunk reaches no client and says that the answer
	// goes on: the host gives up a call that has sent nothing, while the host was there
	// to take it, for 30 s plus two election timeouts, and holds that against the query
	// as it does with a Query that hangs.
	//
	// End: after an error of send, which is for good, it returns that error. After the
	// end of ctx it returns soon: the client is gone, or the state machine is needed
	// for a Restore or for Close. Any other error ends the answer as one that is not whole,
	// and nothing else. Errors: ErrInvalidQuery, and those of
	// package plugins.
	QueryStream(ctx context.Context, query []byte, send func(chunk []byte) error) error
}

// QueryStream is QueryStream of a state machine that announces CapabilityQueryStreams, and
// ErrNoQueryStreams of others.
func QueryStream(ctx context.Context, sm StateMachine, query []byte, send func(chunk []byte) error) error {
	info := sm.Describe()
	if q, ok := sm.(QueryStreamer); ok && info.Has(CapabilityQueryStreams) {
		return q.QueryStream(ctx, query, send)
	}
	return fmt.Errorf("%s: %w", info.Name, ErrNoQueryStreams)
}
