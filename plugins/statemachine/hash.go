package statemachine

// A Hasher is a state machine with a hash of its state, by which replicas that have parted
// are found. It names the hash in Info.StateHash.
//
// From time to time the host asks all replicas for their hashes at the same place of the
// log, after Apply and with no other call that changes the state beside. A replica whose
// hash differs from that of a majority of the voters is stopped, and gets the state of
// another one.
type Hasher interface {
	// StateHash is the hash of the state, from 1 to plugins.MaxStateHashBytes bytes. It is a
	// function of the entries that were applied: the same however they came in batches, by a
	// replay or by a snapshot, and in each process. A state that differs in what a command
	// or a query can show has another hash. It is called in the pipeline of Apply, so it
	// should take no longer than a batch does: a sum that Apply keeps up to date, and not a
	// walk over the state.
	StateHash() []byte
}

// StateHash is the hash of the state of sm; nil if it names none.
func StateHash(sm StateMachine) []byte {
	if h := hasherOf(sm); h != nil {
		return h.StateHash()
	}
	return nil
}

// hasherOf is sm if it names a hash of its state.
func hasherOf(sm StateMachine) Hasher {
	if h, ok := sm.(Hasher); ok && sm.Describe().StateHash != "" {
		return h
	}
	return nil
}
