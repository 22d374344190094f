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
// Functions that encode copy what they are given; decoded values belong to the
// caller. Everything may be used concurrently.
package kv
