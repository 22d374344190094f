package server

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// queueModel is an applyQueue between a log and a state machine.
type queueModel struct {
	t       *rapid.T
	q       *applyQueue
	log     map[uint64]string // what can be read
	last    uint64            // the last entry that was put out
	at      uint64            // what the state machine has
	largest uint64            // weight of a run
}

// push puts out a run of new entries.
func (m *queueModel) push() {
	a := node.Apply{First: m.last + 1, Term: 1}
	for range rapid.IntRange(1, 4).Draw(m.t, "entries") {
		m.last++
		text := fmt.Sprint(m.last, " ", string(make([]byte, rapid.IntRange(0, 100).Draw(m.t, "size"))))
		m.log[m.last] = text
		a.Commands = append(a.Commands, node.Command{Index: m.last, Data: []byte(text)})
		a.Bytes += uint64(len(text))
	}
	a.Last = m.last
	m.largest = max(m.largest, (&work{apply: a}).weight())
	m.q.push(a)
}

// install puts a snapshot in the place of the log.
func (m *queueModel) install() {
	m.last += rapid.Uint64Range(1, 5).Draw(m.t, "ahead")
	clear(m.log)
	m.q.restore(work{restore: &storage.SnapshotMetadata{Index: m.last}})
}

// drive gives the state machine what comes next; false if nothing does.
func (m *queueModel) drive() bool {
	if items := m.q.take(300); len(items) > 0 {
		for i := range items {
			if items[i].restore != nil {
				m.at = items[i].restore.Index
				continue
			}
			m.apply(&items[i].apply)
		}
		return true
	}
	r, now := m.q.next()
	if r == nil {
		return false
	}
	if rapid.IntRange(0, 3).Draw(m.t, "meanwhile") == 0 {
		m.push() // while the log is read
	}
	a := node.Apply{First: now.first}
	for a.Last = now.first; ; a.Last++ {
		text, ok := m.log[a.Last]
		if !ok {
			m.t.Fatalf("entry %d of the rest [%d,%d] is not in the log", a.Last, now.first, now.last)
		}
		a.Commands = append(a.Commands, node.Command{Index: a.Last, Data: []byte(text)})
		if a.Last == now.last || rapid.Bool().Draw(m.t, "window ends") {
			break
		}
	}
	if rapid.IntRange(0, 9).Draw(m.t, "installed meanwhile") == 0 {
		m.install()
		for range rapid.IntRange(0, 9).Draw(m.t, "runs since") {
			m.push()
		}
	}
	m.apply(&a)
	m.q.taken(r, &a)
	return true
}

func (m *queueModel) apply(a *node.Apply) {
	if a.First != m.at+1 {
		m.t.Fatalf("run [%d,%d] is given after %d", a.First, a.Last, m.at)
	}
	for _, c := range a.Commands {
		if c.Index != m.at+1 || len(c.Data) == 0 {
			m.t.Fatalf("command %d is given after %d", c.Index, m.at)
		}
		m.at++
	}
}

// The state machine gets each entry once and in order, whatever comes in
// between, or a snapshot that has it; and the queue's memory has a bound at
// every step.
func TestQueueGivesEverythingOnceAndStaysSmall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &queueModel{t: t, q: newApplyQueue(rapid.Uint64Range(0, 3000).Draw(t, "limit")), log: map[uint64]string{}}
		t.Repeat(map[string]func(*rapid.T){
			"run":      func(*rapid.T) { m.push() },
			"snapshot": func(*rapid.T) { m.install() },
			"drive":    func(*rapid.T) { m.drive() },
			"generation": func(*rapid.T) { // everything comes out again
				m.q.attach(0, nil, 0)
				last := m.last
				for m.last = m.at; m.last < last; {
					m.push()
				}
			},
			"": func(t *rapid.T) {
				var bytes uint64
				restores := 0
				for i := range m.q.items {
					bytes += m.q.items[i].weight()
					if m.q.items[i].restore != nil {
						restores++
					}
				}
				counted, _ := m.q.waiting()
				if bytes != counted {
					t.Fatalf("%d bytes wait, %d are counted", bytes, counted)
				}
				if most := m.q.limit + m.largest + uint64(restores)*runOverhead; bytes > most {
					t.Fatalf("%d bytes wait in memory, the limit is %d", bytes, most)
				}
			},
		})
		for m.drive() {
		}
		if m.at != m.last {
			t.Fatalf("the state machine has %d of %d entries", m.at, m.last)
		}
	})
}
