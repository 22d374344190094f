// Package kv is the state machine that ships with the host: an ordered
// key-value store with a revision for every write, kept in memory. Its
// commands and queries are the messages of api/kv/v1.
//
// # Commands
//
// A Put, a Delete that finds something and a CompareAndSet that takes place
// each take the next revision. A command that changes nothing takes none: a
// Delete without a match, a CompareAndSet that is refused, a command that
// cannot be accepted. The latter is answered by Result.Error: bytes that are
// not a Command, a Command without an operation, an empty key, a key longer
// than MaxKeyBytes, a value longer than MaxValueBytes. A Delete with an end
// deletes [key, end); if end is not after key, that is nothing.
//
// The result of an accepted command is a CommandResult. The value that a
// refused CompareAndSet found is in current, without the value if the value is
// longer than the command was: results must not outgrow the batch that caused
// them.
//
// # Limits
//
// The limits on keys and values are constants and not configuration, because
// replicas must agree on which commands are refused (law 12 of the design): a
// setting that differs between two nodes would let their states part.
//
// # Queries
//
// Get answers with the key or without any. Range answers the keys of
// [key, end) in order, no more of them than its limit, and no more bytes than
// max_answer_bytes unless the first key alone is larger; more is set if keys
// were left out, and the next Range starts at the last key followed by a zero
// byte. An empty key is the start of the store.
//
// # State
//
// Keys are in a copy-on-write B-tree: PrepareSnapshot takes a clone in constant
// time and Save walks it while Apply goes on, copying a node when it first
// changes it. Keys and values are slices of the entries that brought them.
// The snapshot format is docs/formats/kv-snapshot.md.
package kv
