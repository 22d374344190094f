package greetings

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Answers to a greeting, other than a welcome, that all backends have.
var (
	// ErrMismatch: a peer says that the greetings do not fit.
	ErrMismatch = errors.New("greeting mismatch")
	// ErrNotReady: the host has not set the peers yet.
	ErrNotReady = errors.New("this node has not been told who it is yet")
	// ErrRemoved: a peer says that this node was removed. Each RemovedError is one.
	ErrRemoved = errors.New("removed member")
)

// A Meeting is what the two ends of a connection have said of themselves.
type Meeting struct{ Peer, Said transport.Greeting }

// A RemovedError is a peer's answer that this node was removed.
type RemovedError struct{ Proof transport.RemovedMember }

// Error implements error.
func (e *RemovedError) Error() string {
	return fmt.Sprintf("%v at index %d of term %d", ErrRemoved, e.Proof.Index, e.Proof.Term)
}

// Is lets errors.Is find ErrRemoved.
func (e *RemovedError) Is(target error) bool { return target == ErrRemoved }

// Mismatched tells whether err is a mismatch of greetings, judged here or by the peer.
func Mismatched(err error) bool {
	var m *transport.Mismatch
	return errors.As(err, &m)
}
