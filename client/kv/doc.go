// Package kv speaks to the kv state machine through any client: it encodes
// commands and queries and decodes what comes back, and sends nothing itself.
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
// Functions that encode copy what they are given; decoded values belong to the
// caller. Everything may be used concurrently.
package kv
