package kv

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
)

// Entry is a key with its value and history.
type Entry struct {
	Key   []byte
	Value []byte
	// CreateRevision and ModRevision are the revisions of the write that made
	// the key and of the last one.
	CreateRevision, ModRevision uint64
	// Version counts the writes since the key was made, from 1.
	Version uint64
	// Expires is when the key expires by the time of the cluster's log; zero if never.
	Expires time.Time
}

// Result is what became of an accepted command.
type Result struct {
	// Revision of the store after the command.
	Revision uint64
	// Deleted is how many keys a delete found.
	Deleted uint64
	// Succeeded says whether a compare-and-set took place.
	Succeeded bool
	// Current is what a compare-and-set found that did not, nil if no key. Its
	// Value is missing if it is longer than the command was; a get has it.
	Current *Entry
}

// DecodeResult reads the data of a proposal's result.
func DecodeResult(data []byte) (Result, error) {
	var m kvv1.CommandResult
	if err := proto.Unmarshal(data, &m); err != nil {
		return Result{}, fmt.Errorf("kv: result of %d bytes: %w", len(data), err)
	}
	r := Result{Revision: m.Revision, Deleted: m.Deleted, Succeeded: m.Succeeded}
	if m.Current != nil {
		current := entryOf(m.Current)
		r.Current = &current
	}
	return r, nil
}

// Page is the answer to a get or a range.
type Page struct {
	// Entries in the order of their keys.
	Entries []Entry
	// More says that keys of the range were left out; see Next.
	More bool
	// Revision of the store when it was read.
	Revision uint64
}

// Next returns the Key of the Range that goes on after the page, nil if nothing
// was left out.
func (p Page) Next() []byte {
	if !p.More || len(p.Entries) == 0 {
		return nil
	}
	last := p.Entries[len(p.Entries)-1].Key
	return append(last[:len(last):len(last)], 0)
}

// DecodePage reads the data of a query's answer.
func DecodePage(data []byte) (Page, error) {
	var m kvv1.QueryResult
	if err := proto.Unmarshal(data, &m); err != nil {
		return Page{}, fmt.Errorf("kv: answer of %d bytes: %w", len(data), err)
	}
	return pageOf(&m), nil
}

func pageOf(m *kvv1.QueryResult) Page {
	p := Page{More: m.More, Revision: m.Revision}
	if len(m.Kvs) > 0 {
		p.Entries = make([]Entry, len(m.Kvs))
	}
	for i, kv := range m.Kvs {
		p.Entries[i] = entryOf(kv)
	}
	return p
}

func entryOf(kv *kvv1.KeyValue) Entry {
	e := Entry{
		Key: kv.Key, Value: kv.Value,
		CreateRevision: kv.CreateRevision, ModRevision: kv.ModRevision, Version: kv.Version,
	}
	if kv.Expires > 0 {
		e.Expires = time.UnixMilli(int64(kv.Expires))
	}
	return e
}
