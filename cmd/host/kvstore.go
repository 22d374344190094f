package main

import (
	"context"
	"fmt"

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
	result, err := kv.DecodeResult(r.Data)
	if err != nil {
		return kv.Result{}, fmt.Errorf("the answer is not one of kv; does the cluster run another state machine? %w", err)
	}
	return result, nil
}

// query asks an encoded query and reads the answer.
func (s kvStore) query(ctx context.Context, query []byte, l client.Consistency) (kv.Page, error) {
	a, err := s.c.Query(ctx, query, l)
	if err != nil {
		return kv.Page{}, err
	}
	page, err := kv.DecodePage(a.Data)
	if err != nil {
		return kv.Page{}, fmt.Errorf("the answer is not one of kv; does the cluster run another state machine? %w", err)
	}
	return page, nil
}

// get reads one key; nil if there is none.
func (s kvStore) get(ctx context.Context, key []byte, l client.Consistency) (*kv.Entry, error) {
	page, err := s.query(ctx, kv.EncodeGet(key), l)
	if err != nil || len(page.Entries) == 0 {
		return nil, err
	}
	return &page.Entries[0], nil
}

// all reads a range page after page, up to limit keys; 0 means all. The pages
// may be of different revisions; that of the last one is returned.
func (s kvStore) all(ctx context.Context, r kv.Range, limit uint32, l client.Consistency) (kv.Page, error) {
	var whole kv.Page
	for {
		r.Limit = 0
		if limit > 0 {
			r.Limit = limit - uint32(len(whole.Entries))
		}
		page, err := s.query(ctx, kv.EncodeRange(r), l)
		if err != nil {
			return kv.Page{}, err
		}
		whole.Entries = append(whole.Entries, page.Entries...)
		whole.More, whole.Revision = page.More, page.Revision
		if !page.More || len(page.Entries) == 0 || (limit > 0 && uint32(len(whole.Entries)) >= limit) {
			return whole, nil
		}
		r.Key = page.Next()
	}
}
