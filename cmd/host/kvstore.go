package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// kvStore speaks to the shipped state machine.
type kvStore struct{ c *client.Client }

// command proposes an encoded command and reads its result.
func (s kvStore) command(ctx context.Context, command []byte) (kv.Result, error) {
	r, err := s.c.Propose(ctx, command)
	if err == nil {
		err = resultError(r)
	}
	if err != nil {
		return kv.Result{}, err
	}
	return ofKV(kv.DecodeResult, r.Data)
}

// ofKV reads an answer.
func ofKV[T any](decode func([]byte) (T, error), data []byte) (answer T, err error) {
	if answer, err = decode(data); err != nil {
		err = fmt.Errorf("the answer is not one of kv; does the cluster run another state machine? %w", err)
	}
	return answer, err
}

// query asks an encoded query and reads the answer.
func (s kvStore) query(ctx context.Context, query []byte, l client.Consistency) (kv.Page, error) {
	a, err := s.c.Query(ctx, query, l)
	if err != nil {
		return kv.Page{}, err
	}
	return ofKV(kv.DecodePage, a.Data)
}

// get reads one key; nil if there is none.
func (s kvStore) get(ctx context.Context, key []byte, l client.Consistency) (*kv.Entry, error) {
	page, err := s.query(ctx, kv.EncodeGet(key), l)
	if err != nil || len(page.Entries) == 0 {
		return nil, err
	}
	return &page.Entries[0], nil
}

// all reads a range of up to limit keys, 0 means all, at one revision. One that is longer
// than an answer is asked for in chunks: a member has few places for those.
func (s kvStore) all(ctx context.Context, r kv.Range, limit uint32, l client.Consistency) (kv.Page, error) {
	r.Limit = limit
	page, err := s.query(ctx, kv.EncodeRange(r), l)
	if err != nil || !page.More || limit > 0 && uint32(len(page.Entries)) >= limit {
		return page, err
	}
	return s.inChunks(ctx, r, l)
}

// inChunks reads a range of any length. A part of it is an error.
func (s kvStore) inChunks(ctx context.Context, r kv.Range, l client.Consistency) (page kv.Page, err error) {
	chunks, err := s.c.QueryStream(ctx, kv.EncodeRange(r), l)
	if err != nil {
		return kv.Page{}, err
	}
	defer chunks.Close()
	var d kv.Chunks
	for {
		chunk, err := chunks.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return kv.Page{}, fmt.Errorf("after %d keys of the range: %w", len(page.Entries), err)
		}
		entries, err := d.Add(chunk)
		if err != nil {
			return kv.Page{}, err
		}
		page.Entries = append(page.Entries, entries...)
	}
	page.Revision, page.More, err = d.End()
	return page, err
}
