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
// than MaxKeyBytes, a value longer than MaxValueBytes, a time to live above MaxTTL. A Delete with an end
// deletes [key, end); if end is not after key, that is nothing.
//
// The result of an accepted command is a CommandResult. The value that a
// refused CompareAndSet found is in current, without the value if the value is
// longer than the command was: results must not outgrow the batch that caused
// them.
//
// # Keys that expire
//
// A Put or a CompareAndSet with a ttl_ms sets a key that expires so much after the time
// of its entry, and one without sets a key that does not. An entry whose time has reached the
// deadline finds the key gone: it is deleted before the entry is applied, with all others
// that have expired, at one revision of their own. So all replicas delete it at the same
// index. Where no client writes, the host's ticks tell the time. A query sees what the last entry has left. No clock has a say but the log's
// (ADR 0062): while a cluster has no time, a ttl_ms is refused.
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
// As an answer in chunks (statemachine.QueryStreamer) these two have no bound on their bytes, and
// all of an answer is of the revision at the call, whatever is written while it lasts. The
// chunks joined are one QueryResult, whose revision comes first; a key that is larger
// than a chunk goes over several. Until its end such an answer holds a view of the state, as
// a snapshot does.
//
// # Watches
//
// A Watch has an event for each key of its range that changes, from a revision on, in the order
// of revisions, without a gap, each once. It is answered in chunks alone, with a WatchResult that
// goes on until its receiver ends it. Each update says up to which revision all was sent,
// and has the events of whole revisions; so the revision is all that is needed to go on with another
// watch, of any member. An update without events comes at once, every 5 s, and every
// markAfter revisions. A watch from a revision that is not kept any more ends with
// a WatchRefused, as does one from further ahead than the next revision.
//
// The history has the newest whole revisions within history_events and history_bytes. That
// of a snapshot has bounds of its own, which are constants and below any setting, so that
// it depends on the log alone; after a restore watches go on from there. A watch is a place in
// the history and holds up no apply: ADR 0067.
//
// # State
//
// Keys are in a copy-on-write B-tree: PrepareSnapshot takes a clone in constant
// time and Save walks it while Apply goes on, copying a node when it first
// changes it. Keys and values are slices of the entries that brought them.
// The snapshot format is docs/formats/kv-snapshot.md.
package kv
