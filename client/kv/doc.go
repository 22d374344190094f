// Package kv speaks to the kv state machine through any client: it encodes
// commands and queries and decodes what comes back. Watch alone sends something itself.
//
//	res, err := c.Propose(ctx, kv.EncodePut(key, value))
//	if err != nil { ... }           // see package client for what it says
//	if res.Error != "" { ... }      // the state machine's refusal
//	put, err := kv.DecodeResult(res.Data)
//
//	ans, err := c.Query(ctx, kv.EncodeGet(key), client.Linearizable)
//	if err != nil { ... }
//	page, err := kv.DecodePage(ans.Data)
//
// A range that may be longer than an answer comes in chunks, all of one revision:
//
//	chunks, err := c.QueryStream(ctx, kv.EncodeRange(r), client.Linearizable)
//	if err != nil { ... }
//	defer chunks.Close()
//	var d kv.Chunks
//	for {
//		chunk, err := chunks.Next()
//		if err == io.EOF { break }  // the whole; then d.End has the revision
//		if err != nil { ... }       // a part: ask again
//		entries, err := d.Add(chunk)
//		...
//	}
//
// A watch has each change of a range of keys, in order, without a gap, each once, and goes on
// by itself when the member that answers ends:
//
//	w := kv.Watch(ctx, c, kv.WatchOptions{Key: prefix, End: kv.PrefixEnd(prefix), From: seen + 1, History: history})
//	defer w.Close()
//	for {
//		u, err := w.Next()
//		if errors.Is(err, kv.ErrCompacted) { ... } // read the range, and watch from there
//		if err != nil { ... }
//		...                                        // u.Events, and keep u.Revision as seen, with w.History()
//	}
//
// Functions that encode copy what they are given; decoded values belong to the
// caller. Functions may be used concurrently.
package kv
