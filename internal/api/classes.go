package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// unknownRetryAfter is the advice to a client whose host does not know yet what its
// state machine demands.
const unknownRetryAfter = 100 * time.Millisecond

// demands are what the state machine demands of the client of one request, or stream,
// beyond the role of the method: the one place where classes are looked at. Zero
// demands let everything through.
type demands struct {
	guard   *access.Guard
	classes *access.Classes // nil if nothing is to be looked at
	who     access.Identity
	// said are denials by the class: a stream is refused much alike, and one text
	// serves. It is nil for single requests.
	said map[*access.Class]denial
}

// A denial is a refusal of a Guard, as it is and as the service says it.
type denial struct {
	guards *access.Refusal
	err    error
}

// demands are those that the request of ctx meets. A client that may do everything,
// and a request from inside the host, meet none.
func (r *requests) demands(ctx context.Context) demands {
	if r.guard == nil || r.classes == nil {
		return demands{}
	}
	who, ok := access.From(ctx)
	if !ok || who.Role.May(access.Administer) {
		return demands{}
	}
	return demands{guard: r.guard, classes: r.classes, who: who}
}

// streamDemands are those of all proposals of a stream. They are not for several
// goroutines.
func (r *requests) streamDemands(ctx context.Context) demands {
	d := r.demands(ctx)
	if d.classes != nil {
		d.said = map[*access.Class]denial{}
	}
	return d
}

// command refuses a command that the client may not propose.
func (d *demands) command(data []byte) error {
	if d.classes == nil {
		return nil
	}
	class, known := d.classes.OfCommand(data)
	return d.judge(class, known, "a command")
}

// query refuses a query that the client may not ask.
func (d *demands) query(data []byte) error {
	if d.classes == nil {
		return nil
	}
	class, known := d.classes.OfQuery(data)
	return ofRead(d.judge(class, known, "a query"))
}

// judge refuses what its class does not let the client do. As long as no class is
// known the client may be one of those that may not, so that it is to ask again.
func (d *demands) judge(class *access.Class, known bool, what string) error {
	if !known {
		return errUnknownClasses
	}
	if class == nil || d.who.Role.May(class.Role) {
		return nil
	}
	if r, ok := d.said[class]; ok {
		d.guard.Repeat(r.guards)
		return r.err
	}
	err := d.guard.Check(d.who, class.Role, ofClass(what, class))
	var r *access.Refusal
	if d.said != nil && errors.As(err, &r) {
		if len(d.said) >= mostSaid { // the lists of several plugins in turn
			clear(d.said)
		}
		d.said[class] = denial{r, refusal(err)}
		return d.said[class].err
	}
	return refusal(err)
}

// errUnknownClasses is one value: a client may ask as often as it likes meanwhile.
var errUnknownClasses error = &server.Error{
	Err:        server.ErrNotReady,
	Detail:     "the state machine has not started here yet, and has not said which commands and queries need the role administer; clients with that role are let through",
	RetryAfter: unknownRetryAfter,
}

// mostSaid bounds the refusals that a stream keeps.
const mostSaid = 512

// ofClass names what a client asks for by its class, and not by its data.
func ofClass(what string, class *access.Class) string {
	if class.Prefix == "" {
		return what + " of no other class"
	}
	return fmt.Sprintf("%s that begins with %q", what, class.Prefix)
}

// refuseIn moves the proposals of a batch that the client may not make to those that
// are refused.
func (d *demands) refuseIn(batch *proposalBatch) {
	if d.classes == nil {
		return
	}
	kept := batch.proposals[:0]
	var unknown error // one serves for all
	for _, p := range batch.proposals {
		if err := d.command(p.Data); err != nil {
			if errors.Is(err, server.ErrNotReady) {
				unknown = cmp.Or(unknown, err)
				err = unknown
			}
			batch.refused = append(batch.refused, refusedProposal{p.ID, err})
			continue
		}
		kept = append(kept, p)
	}
	clear(batch.proposals[len(kept):])
	batch.proposals = kept
}
