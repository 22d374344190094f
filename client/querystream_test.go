package client_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// read takes an answer to its end.
func read(s *client.Chunks) (words string, err error) {
	var list []string
	for {
		chunk, err := s.Next()
		if err != nil {
			return strings.Join(list, " "), err
		}
		list = append(list, string(chunk))
	}
}

// An answer in chunks is whole, or it has an error that says why, and never something
// between.
func TestQueryStream(t *testing.T) {
	cl := newCluster(t, 2)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	written, err := c.Propose(background, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(query string) *client.Chunks {
		t.Helper()
		s, err := c.QueryStream(background, []byte(query), client.Linearizable)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	s := ask("one two")
	if words, err := read(s); err != io.EOF || words != "one two" || s.Index() < written.Index {
		t.Errorf("%q of index %d, ended with %v", words, s.Index(), err)
	}
	if _, err := s.Next(); err != io.EOF {
		t.Errorf("after its end: %v", err)
	}
	s = ask("one break two")
	words, err := read(s)
	if words != "one" || client.Reason(err) != "not_ready" || !client.IsNotApplied(err) {
		t.Errorf("%q, ended with %v", words, err)
	}
	if _, again := s.Next(); again != err {
		t.Errorf("after its end: %v", again)
	}

	cl.members[0].setFail(func() error { return &server.Error{Err: server.ErrNoLeader} })
	if words, err := read(ask("one")); err != io.EOF || words != "one" {
		t.Errorf("from another member: %q, ended with %v", words, err)
	}
	cl.members[0].setFail(func() error { return &server.Error{Err: server.ErrQueryFailed} })
	if words, err := read(ask("one")); err != io.EOF || words != "one" {
		t.Errorf("from a member that does not keep it away: %q, ended with %v", words, err)
	}
	cl.members[1].setFail(func() error { return &server.Error{Err: server.ErrQueryFailed} })
	if _, err := c.QueryStream(background, []byte("one"), client.Stale); client.Reason(err) != "query_failed" {
		t.Errorf("refused with %v", err)
	}
}

// An answer that goes on outlives the time of a call, and ends with its context, with
// Close, with the client, and with the member.
func TestWhatEndsAQueryStream(t *testing.T) {
	cl := newCluster(t, 1)
	for _, x := range []struct {
		name string
		end  func(c *client.Client, s *client.Chunks, cancel func())
		want string
	}{
		{"its context", func(_ *client.Client, _ *client.Chunks, cancel func()) { cancel() }, client.ReasonCanceled},
		{"Close", func(_ *client.Client, s *client.Chunks, _ func()) { s.Close() }, client.ReasonCanceled},
		{"the client", func(c *client.Client, _ *client.Chunks, _ func()) { _ = c.Close() }, client.ReasonClosed},
		{"the member", func(*client.Client, *client.Chunks, func()) { cl.members[0].stop(t) }, "stopping"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newClient(t, client.Options{Endpoints: cl.endpoints(), RequestTimeout: 100 * time.Millisecond})
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			var s *client.Chunks
			within(t, "an answer has begun", func() (ok bool) {
				var err error
				s, err = c.QueryStream(ctx, []byte("one wait"), client.Stale)
				return err == nil
			})
			defer s.Close()
			if chunk, err := s.Next(); err != nil || string(chunk) != "one" {
				t.Fatalf("%q, %v", chunk, err)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := s.Next()
				ended <- err
			}()
			select {
			case err := <-ended:
				t.Fatalf("it ended by itself with %v", err)
			case <-time.After(200 * time.Millisecond): // twice the time of a call
			}
			x.end(c, s, cancel)
			if err := <-ended; client.Reason(err) != x.want || !client.IsNotApplied(err) || errors.Is(err, io.EOF) {
				t.Errorf("ended with %v, want %s", err, x.want)
			}
		})
	}
}
