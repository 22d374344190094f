//go:build linux

package sqlite

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/pontoontest"
)

// load inserts numbers until it is ended, and keeps the acknowledged ones, and the ones with an error.
type load struct {
	mu      sync.Mutex
	change  *sync.Cond // there is one more
	acked   map[int64]bool
	unknown map[int64]bool
	done    chan struct{}
	ended   sync.WaitGroup
}

func startLoad(t *testing.T, c *client.Client) *load {
	l := &load{acked: map[int64]bool{}, unknown: map[int64]bool{}, done: make(chan struct{})}
	l.change = sync.NewCond(&l.mu)
	for writer := range int64(8) {
		l.ended.Go(func() {
			for n := writer; ; n += 8 {
				select {
				case <-l.done:
					return
				default:
				}
				r, err := c.Propose(t.Context(), fmt.Appendf(nil, "INSERT INTO numbers(n) VALUES(%d); UPDATE total SET n = n + 1", n))
				l.mu.Lock()
				if err == nil && r.Error == "" {
					l.acked[n] = true
				} else {
					l.unknown[n] = true
				}
				l.change.Broadcast()
				l.mu.Unlock()
			}
		})
	}
	return l
}

func (l *load) end() { close(l.done); l.ended.Wait() }

// more waits until so many further numbers are acknowledged.
func (l *load) more(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for want := len(l.acked) + n; len(l.acked) < want; {
		l.change.Wait()
	}
}

// Three members under load, while plugins and hosts are killed: each number that was acknowledged is there
// once, no other is, and all members have the same content.
func TestACommandIsAppliedOnceThroughKills(t *testing.T) {
	host := program(t, filepath.Join("..", "..", ".."), "host", "./cmd/host")
	plugin := program(t, ".", "pontoon-statemachine-sqlite", "./cmd/pontoon-statemachine-sqlite")
	c := pontoontest.Cluster(t, 3, pontoontest.Options{
		Host: host, StateMachine: []string{plugin},
		Settings: []string{"raft.snapshot_entries=200", "raft.catch_up_entries=50"},
	})
	c.Propose([]byte("CREATE TABLE numbers(n); CREATE TABLE total(n); INSERT INTO total VALUES(0)"))
	l := startLoad(t, c.Client())
	l.more(200)
	c.Leader().KillPlugin("statemachine")
	l.more(100)
	for _, m := range c.Members() {
		if m != c.Leader() {
			m.KillPlugin("statemachine")
			m.Kill()
			break
		}
	}
	l.more(600) // it needs a snapshot
	c.Start()
	c.Leader().Kill()
	l.more(100)
	c.Start()
	l.more(50)
	l.end()
	sum := sameContent(t, c)
	var found struct{ Rows [][]int64 }
	read := func(query string) [][]int64 {
		if err := json.Unmarshal(c.Query([]byte(query)), &found); err != nil {
			t.Fatal(err)
		}
		return found.Rows
	}
	twice := read("SELECT n FROM numbers GROUP BY n HAVING count(*) > 1")
	total := read("SELECT n, (SELECT count(*) FROM numbers) FROM total")[0]
	if len(twice) > 0 || total[0] != total[1] || int(total[1]) < len(l.acked) || int(total[1]) > len(l.acked)+len(l.unknown) {
		t.Errorf("there twice: %v; counted %d, of %d acknowledged and %d unknown", twice, total, len(l.acked), len(l.unknown))
	}
	for n := range l.acked {
		if rows := read(fmt.Sprintf("SELECT n FROM numbers WHERE n = %d", n)); len(rows) != 1 {
			t.Errorf("%d was acknowledged, and is there %d times", n, len(rows))
		}
	}
	t.Logf("%d acknowledged, %d unknown, content %s", len(l.acked), len(l.unknown), sum)
}

// sameContent fails the test unless all members have the same content, and returns its sum. The
// index beside it may differ: a batch may end with entries that are not the machine's, and those of
// members end at other entries.
func sameContent(t *testing.T, c *pontoontest.Running) (sum string) {
	t.Helper()
	c.WaitApplied()
	for _, m := range c.Members() {
		var found struct{ SHA256 string }
		if err := json.Unmarshal(m.Query([]byte(hashQuery)), &found); err != nil {
			t.Fatal(err)
		}
		if sum = cmp.Or(sum, found.SHA256); found.SHA256 != sum {
			t.Errorf("one member has content %s, and another one %s", sum, found.SHA256)
		}
	}
	return sum
}
