package kv_test

import (
	"bytes"
	"context"
	"errors"
	"log"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/api/apitest"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A store is one member with a state machine that does of kv what the examples need:
// the state machine itself is a plugin, which clients do not link.
type store struct {
	server.Service // what no example asks for

	mu       sync.Mutex
	keys     map[string]*kvv1.KeyValue
	revision uint64
}

// connect returns a client of a store of its own, and what ends both.
func connect() (c *client.Client, stop func()) {
	host := api.New(api.Options{Service: &store{keys: map[string]*kvv1.KeyValue{}}, Logger: slog.New(slog.DiscardHandler), Limits: apitest.Limits()})
	if err := host.Listen("127.0.0.1:0", ""); err != nil {
		log.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- host.Serve() }()
	c, err := client.New(client.Options{Endpoints: []string{host.Addr().String()}})
	if err != nil {
		log.Fatal(err)
	}
	return c, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(c.Close(), host.Stop(ctx), <-served); err != nil {
			log.Print(err)
		}
	}
}

func (s *store) Full(int) error                { return nil }
func (s *store) Ready() error                  { return nil }
func (s *store) Live() error                   { return nil }
func (s *store) Status() server.Status         { return server.Status{ID: 1, Leader: 1, Role: "leader"} }
func (s *store) Membership() server.Membership { return server.Membership{Leader: 1} }

func (s *store) ProposeAsync(data []byte, _ time.Duration, done func(server.Result, error)) {
	var c kvv1.Command
	if err := proto.Unmarshal(data, &c); err != nil {
		done(server.Result{Error: err.Error()}, nil)
		return
	}
	s.mu.Lock()
	result, err := proto.Marshal(s.apply(&c))
	s.mu.Unlock()
	done(server.Result{Data: result}, err)
}

func (s *store) apply(c *kvv1.Command) *kvv1.CommandResult {
	switch op := c.GetOp().(type) {
	case *kvv1.Command_Put:
		s.put(op.Put.GetKey(), op.Put.GetValue())
	case *kvv1.Command_CompareAndSet:
		found := s.keys[string(op.CompareAndSet.GetKey())]
		if found.GetModRevision() != op.CompareAndSet.GetModRevision() {
			return &kvv1.CommandResult{Revision: s.revision, Current: found}
		}
		s.put(op.CompareAndSet.GetKey(), op.CompareAndSet.GetValue())
		return &kvv1.CommandResult{Revision: s.revision, Succeeded: true}
	}
	return &kvv1.CommandResult{Revision: s.revision}
}

func (s *store) put(key, value []byte) {
	s.revision++
	next := &kvv1.KeyValue{Key: key, Value: value, CreateRevision: s.revision, ModRevision: s.revision, Version: 1}
	if old := s.keys[string(key)]; old != nil {
		next.CreateRevision, next.Version = old.GetCreateRevision(), old.GetVersion()+1
	}
	s.keys[string(key)] = next
}

func (s *store) Query(_ context.Context, data []byte, _ server.Consistency) (server.Answer, error) {
	var q kvv1.Query
	if err := proto.Unmarshal(data, &q); err != nil {
		return server.Answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	page := &kvv1.QueryResult{Revision: s.revision}
	for _, key := range slices.Sorted(maps.Keys(s.keys)) {
		switch {
		case q.GetGet() != nil && key != string(q.GetGet().GetKey()), q.GetRange() != nil && !within(key, q.GetRange()):
			continue
		case q.GetRange().GetLimit() != 0 && uint32(len(page.GetKvs())) == q.GetRange().GetLimit():
			page.More = true
			continue
		}
		page.Kvs = append(page.Kvs, s.keys[key])
	}
	answer, err := proto.Marshal(page)
	return server.Answer{Data: answer}, err
}

func within(key string, r *kvv1.Range) bool {
	return bytes.Compare([]byte(key), r.GetKey()) >= 0 && (len(r.GetEnd()) == 0 || bytes.Compare([]byte(key), r.GetEnd()) < 0)
}
