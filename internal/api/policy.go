package api

import (
	"context"
	"errors"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/memberform"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// byPolicy is who for requests that a policy decides about: it refuses what the
// client's role does not allow, and what is over a limit of the client. Without a
// policy it is who itself.
func byPolicy(g *access.Guard, who identifier) identifier {
	if g == nil {
		return who
	}
	table := needs()
	return func(c caller) (access.Identity, error) {
		id, err := who(c)
		if err != nil {
			return id, err
		}
		role, what := need(table, c.request)
		if role == access.None {
			id.Role = access.None // not asked for
			return id, nil
		}
		now := time.Now()
		known := access.Identity{Address: id.Address}
		id, err = g.Identify(access.Presented{
			Certificate: id.Name, Authorization: c.header("authorization"),
			Address: id.Address, Private: c.tls != nil || memberform.IsLoopback(id.Address),
		}, now)
		if err == nil {
			known, err = id, g.Check(id, role, what)
		}
		if over := c.connection.limit(g, known, now); over != nil {
			err = over
		}
		return id, refusal(err)
	}
}

// refusal is a Guard's error as one of the service.
func refusal(err error) error {
	var r *access.Refusal
	if !errors.As(err, &r) {
		return err
	}
	e := &server.Error{Err: server.ErrUnauthenticated, Detail: text(r.Detail), RetryAfter: r.RetryAfter}
	switch {
	case errors.Is(err, access.ErrPermissionDenied):
		e.Err = server.ErrPermissionDenied
	case errors.Is(err, access.ErrLimit):
		e.Err = server.ErrTooManyRequests
	}
	return e
}

// whileValid calls end with the reason, once, when the token or the certificate that a
// request came with is not good any more. Release must be called when the request is
// over.
func whileValid(ctx context.Context, g *access.Guard, end func(error)) (release func()) {
	return untilInvalid(ctx, g, func(err error) { end(statusOf(err)) })
}

// untilInvalid is whileValid with the reason as it is.
func untilInvalid(ctx context.Context, g *access.Guard, end func(error)) (release func()) {
	id, _ := access.From(ctx)
	if state := connectionOf(ctx).state(); state != nil && id.Method == access.MethodCertificate {
		leaf := state.PeerCertificates[0]
		timer := time.AfterFunc(time.Until(leaf.NotAfter), func() { end(outdated(id.Name, leaf.NotAfter)) })
		return func() { timer.Stop() }
	}
	return g.Hold(id, func(err error) { end(refusal(err)) })
}
