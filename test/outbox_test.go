//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

// A receiver of letters keeps the rule of one: it refuses the term of a leader that another
// one has followed.
type receiver struct {
	t testing.TB

	mu      sync.Mutex
	term    uint64
	letters map[string]int // by text
	ids     map[string]string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	text, err := io.ReadAll(q.Body)
	term, termErr := strconv.ParseUint(q.Header.Get("Letter-Term"), 10, 64)
	if err != nil || termErr != nil {
		r.t.Errorf("a letter of term %q: %v", q.Header.Get("Letter-Term"), err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if term < r.term {
		http.Error(w, "another leads", http.StatusConflict)
		return
	}
	r.term = term
	r.letters[string(text)]++
	if id := q.Header.Get("Letter-Id"); r.ids[string(text)] == "" {
		r.ids[string(text)] = id
	} else if r.ids[string(text)] != id {
		r.t.Errorf("%q has the ids %s and %s", text, r.ids[string(text)], id)
	}
}

func (r *receiver) has() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.letters)
}

// The example outbox, as three members: each letter that was posted arrives under one id
// and is forgotten by each member, though the leader's plugin and the leader are killed.
func TestTheLeaderSendsEachLetter(t *testing.T) {
	const letters = 150
	r := &receiver{t: t, letters: map[string]int{}, ids: map[string]string{}}
	to := httptest.NewServer(r)
	t.Cleanup(to.Close)
	path := programs.outbox.Path(t)
	c := newCluster(t)
	for _, n := range c.nodes {
		n.rewrite("    name: kv", fmt.Sprintf("    command: %q\n    sha256: %s\n    config: {to: %q, host: %q}", path, sumOf(t, path), to.URL, n.client))
	}
	c.start()
	var clients []*client.Client
	for _, n := range c.nodes {
		clients = append(clients, n.dial())
	}
	var posting sync.WaitGroup
	post := func(i int) {
		command := fmt.Appendf(nil, "post %d letter %d", i%3*200, i)
		for {
			result, err := clients[i%len(clients)].Propose(t.Context(), command)
			switch {
			case err == nil && result.Error == "": // else the cluster has no time yet
				return
			case err != nil && !client.IsNotApplied(err): // it may be there: the next one is another letter
				command = fmt.Appendf(command, " again")
			}
		}
	}
	posting.Go(func() {
		for i := range letters {
			post(i)
		}
	})
	eventually(t, "some letters", func() bool { return r.has() > letters/5 })
	leader := c.leader()
	leader.awaitReplaced(leader.signalPlugin("statemachine", syscall.SIGKILL))
	eventually(t, "letters after the death of a plugin", func() bool { return r.has() > letters/3 })
	leader = c.leader()
	leader.kill()
	leader.startReady()
	posting.Wait()
	eventually(t, "all letters", func() bool { return r.has() >= letters })
	for i, cl := range clients {
		eventually(t, "no letter to wait", func() bool {
			answer, err := cl.Query(t.Context(), nil, client.Linearizable)
			return err == nil && string(answer.Data) == "0"
		})
		waiting, err := cl.QueryStream(t.Context(), nil, client.Linearizable)
		if err != nil {
			t.Fatal(err)
		}
		if chunk, err := waiting.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("by client %d %q waits, %v", i, chunk, err)
		}
		waiting.Close()
	}
	c.stop()
}
