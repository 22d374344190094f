package plugins

import "errors"

// Errors that plugins of every kind return. They cross the RPC boundary in
// both directions, so errors.Is works on either side of it.
var (
	// ErrNotOpen: the call needs an Open before it. All calls of a kind, other
	// than Describe, Open and Close, return it before an Open has succeeded.
	ErrNotOpen = errors.New("plugin is not open")
	// ErrClosed: Close was called, or the plugin has poisoned itself after an
	// error that it must not survive.
	ErrClosed = errors.New("plugin is closed")
	// ErrInvalidConfig: the config section cannot be used; the wrapping text
	// says which key and why. Restarting does not help.
	ErrInvalidConfig = errors.New("invalid plugin config")
	// ErrWrongIdentity: the data directory belongs to another cluster or
	// node. Restarting does not help.
	ErrWrongIdentity = errors.New("data of another node")
	// ErrStaleIncarnation: the caller was replaced by a newer Open. The
	// plugin's side of the RPC layer returns it; backends never see such a
	// call.
	ErrStaleIncarnation = errors.New("stale incarnation")
	// ErrLimit: an argument or a result is larger than Limits allow. Either
	// side of a call returns it; a call that was refused for it had no effect.
	ErrLimit = errors.New("limit exceeded")
	// ErrInvalidArgument: the caller broke its part of the contract. Any call
	// may return it, and has no effect then.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrGone: the plugin's process ended, or its connection broke, before
	// the answer came. Whether the call took effect is unknown. Only the
	// host's side of the RPC layer returns it; plugins never do.
	ErrGone = errors.New("plugin is gone")
	// ErrBadAnswer: the plugin answered something that the contract rules
	// out. Only the host's side of the RPC layer returns it.
	ErrBadAnswer = errors.New("plugin broke its contract")
)
