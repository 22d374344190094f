package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/node"
)

const (
	// maxEnds is how often in a row one entry may end the state machine before the
	// member is quarantined.
	maxEnds = 3
	// isolationPause is how long after that another try comes. One that took long, as
	// after a long replay, is followed by isolationShare times as long a pause.
	isolationPause = time.Minute
	isolationShare = 10
	// handoverElections is how many election timeouts a quarantined leader is given to
	// find a successor, before its clients are told to wait for the next try.
	handoverElections = 3
	// maxLastWords bounds the text that is kept of an end.
	maxLastWords = 2 << 10
)

// Quarantine is the state of a member that applies nothing, because one entry has ended
// its state machine again and again. It skips nothing: it appends, votes and serves its
// log, leads only where no better member can, and refuses proposals and reads. It ends
// when a state machine gets past the entry: at one of the tries, which go on, after a
// restart of the host, or by a snapshot of another member that has the entry.
type Quarantine struct {
	// Index and Term are the entry's, Bytes and SHA256 the size and the digest, in hex,
	// of the command in it.
	Index, Term, Bytes uint64
	SHA256             string
	// Parted: no entry ends the state machine, but its state after Index differs from that of
	// a majority of the voters. Term, Bytes and SHA256 are empty. It ends when the state machine has
	// been rebuilt from a snapshot of the leader, or as Suspect says.
	Parted bool
	// Tries is how often in a row the entry has ended the state machine; if Parted, how often
	// in an hour the state has differed.
	Tries int
	// LastWords says how it ended the last time, on one line.
	LastWords string
	// noted: an earlier life of the host has noted that. See Suspect.
	noted bool
	// Since is when the quarantine began, Next when the next try is due; one is under
	// way if that has passed.
	Since, Next time.Time
}

// text says it to people.
func (q *Quarantine) text() string {
	switch {
	case q.noted:
		return "quarantined: before this start the state machine had another state than a majority of the voters, and it waits for a check of the state: " + q.LastWords
	case q.Parted:
		return "quarantined: the state machine has another state than a majority of the voters, and waits to be rebuilt from a snapshot of the leader: " + q.LastWords
	}
	return fmt.Sprintf("quarantined: entry %d (term %d, %d bytes, sha256 %s) has ended the state machine %d times; "+
		"nothing is applied from there on, and the member votes and replicates; its last words: %s",
		q.Index, q.Term, q.Bytes, q.SHA256, q.Tries, q.LastWords)
}

// Quarantined says why this member is quarantined; empty if it is not.
func (s *Server) Quarantined() string {
	if q := s.isolated.Load(); q != nil {
		return q.text()
	}
	return ""
}

// isolate quarantines this member for command c, over which the state machine ended so many
// times in a row, the last time for the reason why.
func (s *Server) isolate(c *node.Command, tries int, why error) {
	q := &Quarantine{
		Index: c.Index, Term: c.Term, Bytes: uint64(len(c.Data)), SHA256: digestOf(c),
		Tries: tries, LastWords: oneLine(why.Error()), Since: time.Now(),
	}
	before := s.isolated.Load()
	if before != nil && before.Index == q.Index {
		q.Since = before.Since
	} else {
		s.logger.Error("this member is quarantined: it applies nothing until its state machine is repaired", "event", events.Quarantine, "index", q.Index,
			"term", q.Term, "bytes", q.Bytes, "sha256", q.SHA256, "tries", q.Tries, "last_words", q.LastWords)
	}
	s.isolated.Store(q)
}

// oneLine is a text without line breaks, and not too long.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxLastWords {
		text = strings.ToValidUTF8(text[:maxLastWords], "") + "…"
	}
	return text
}

// passed says that the state machine has everything up to index.
func (s *Server) passed(index uint64) {
	s.poison.passed(index)
	if k := &s.kills; k.alone != nil && index >= k.alone.Index {
		*k = kills{}
	}
	if q := s.isolated.Load(); q != nil && index >= q.Index && !q.Parted {
		s.isolated.Store(s.hashes.suspicion)
		s.logger.Info("the quarantine is over: the state machine has the entry", "event", events.Quarantine, "index", q.Index, "after", time.Since(q.Since).Round(time.Second))
	}
}

// pauseAfter is the time between a life of a state machine that took so long and the next
// one. A quarantined member asks the leader meanwhile for a snapshot that has the entry,
// which may be of more use here than the entry; if one did not help, it waits a whole
// pause before it asks again.
func (s *Server) pauseAfter(took time.Duration, err error) {
	q := s.isolated.Load()
	if q == nil || s.hashes.restsAfter(err) {
		s.rest()
		return
	}
	pause := max(isolationPause, isolationShare*took)
	due := *q
	due.Next = time.Now().Add(pause)
	s.isolated.Store(&due)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	var p *plea
	if !s.helped {
		p = s.pleaFor(&due)
	}
	s.helped = s.sitOut(p, timer.C)
	s.cfg.StateMachine.Forgive()
}

// pleaFor asks for a snapshot that has the entry.
func (s *Server) pleaFor(q *Quarantine) *plea {
	return &plea{index: max(q.Index, s.worstSnapshot()+1), text: q.text()}
}

// sitOut waits for the next try, and tells whether it comes early because there is a
// snapshot. p is what the leader is asked for; nil if nothing.
func (s *Server) sitOut(p *plea, due <-chan time.Time) (helped bool) {
	var asked *node.Node
	defer func() {
		s.endPlea()
		if n, _ := s.attached(); n != nil && asked != nil {
			ask(n, 0)
		}
	}()
	if p != nil {
		s.plea.Store(p)
	}
	for {
		changed := s.changed.next()
		if p != nil && s.received.Load() >= p.index {
			return true
		}
		if n, _ := s.attached(); p != nil && n != nil && n != asked {
			asked = n
			s.plea.Store(p)
			ask(n, p.index)
		}
		select {
		case <-changed:
		case <-due:
			return false
		case <-s.queue.done:
			return false
		}
	}
}

// refusal is why a quarantined member takes no request of clients; nil if it is not
// quarantined. Where another member leads that is not, the error has the way to it.
func (s *Server) refusal() error {
	q := s.isolated.Load()
	if q == nil {
		return nil
	}
	e := &Error{Err: ErrQuarantined, Detail: q.text(), RetryAfter: s.retryAfter(q)}
	n, _ := s.attached()
	if n == nil {
		return e
	}
	if st := n.State(); st.Leader != 0 && st.Leader != s.cfg.ID && !st.LeaderCondition.Has(node.Quarantined) {
		e.RetryAfter = s.cfg.Tick
		return s.hint(e)
	}
	return e
}

// retryAfter is when it may make sense to ask a quarantined member again that knows no better
// one. There may be a better one soon while there is no leader, or has not been this one for
// long; then it is the quarantine that has to end. Clients give up over a pause that is longer
// than the rest of their time.
func (s *Server) retryAfter(q *Quarantine) time.Duration {
	election := s.cfg.Election
	by := s.reigns.Load()
	if by.leader == 0 || min(time.Since(by.since), time.Since(q.Since)) < handoverElections*election {
		return election
	}
	return max(time.Until(q.Next), election)
}
