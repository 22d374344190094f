package httptransport

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
)

// Headers of greetings. All of them are hexadecimal numbers but
// headerMismatch, and what is 0 is left out.
const (
	headerStore    = "X-Pontoon-Store"
	headerNumber   = "X-Pontoon-Number"
	headerFounding = "X-Pontoon-Founding"
	headerVoters   = "X-Pontoon-Voters"
	// headerExpected is, of a request, the store that the answerer must have.
	headerExpected = "X-Pontoon-Expected-Store"
	// headerMismatch is, of a refusal, a word for what does not fit, and
	// headerKnown the store with which the answerer knows the caller.
	headerMismatch = "X-Pontoon-Mismatch"
	headerKnown    = "X-Pontoon-Known-Store"
)

// wordExpected is the word for "this is not the store that you expect".
const wordExpected = "expected"

var errGreeting = errors.New("malformed greeting")

// mismatchWords are those of the reasons.
func mismatchWords() map[transport.MismatchReason]string {
	return map[transport.MismatchReason]string{
		transport.MismatchStore: "store", transport.MismatchFounding: "founding", transport.MismatchNumber: "number",
	}
}

// setNumber leaves out what is not said.
func setNumber(h http.Header, key string, n uint64) {
	if n != 0 {
		h.Set(key, formatID(n))
	}
}

// number reads a header; 0 if it is not there.
func number(h http.Header, key string) (uint64, error) {
	raw := h.Get(key)
	if raw == "" {
		return 0, nil
	}
	n, err := parseID(raw)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %.32q", errGreeting, key, raw)
	}
	return n, nil
}

func setGreeting(h http.Header, g transport.Greeting) {
	setNumber(h, headerStore, g.Store)
	setNumber(h, headerNumber, g.Number)
	setNumber(h, headerFounding, g.Founding)
	setNumber(h, headerVoters, g.Voters)
}

func greetingOf(h http.Header) (transport.Greeting, error) {
	store, errStore := number(h, headerStore)
	cluster, errNumber := number(h, headerNumber)
	founding, errFounding := number(h, headerFounding)
	voters, errVoters := number(h, headerVoters)
	return transport.Greeting{Store: store, Number: cluster, Founding: founding, Voters: voters},
		errors.Join(errStore, errNumber, errFounding, errVoters)
}

// mark puts the headers of every request on h.
func (e *endpoint) mark(h http.Header, to uint64) {
	e.self.mark(h, to)
	setGreeting(h, e.Book.Self())
	setNumber(h, headerExpected, e.Book.Expected(to))
}

// meet judges a caller that may speak for that member, and answers one that is
// refused, because of what it says of itself or because it is not a member.
func (e *endpoint) meet(w http.ResponseWriter, r *http.Request, from uint64) (greetings.Meeting, bool) {
	peer, err := greetingOf(r.Header)
	expected, errExpected := number(r.Header, headerExpected)
	if err = errors.Join(err, errExpected); err != nil {
		http.Error(w, errGreeting.Error(), http.StatusBadRequest)
		return greetings.Meeting{}, false
	}
	if to := r.Header.Get(headerTo); to != "" && to != formatID(e.self.node) {
		http.Error(w, errToMismatch.Error(), http.StatusPreconditionFailed)
		return greetings.Meeting{}, false
	}
	if (peer != transport.Greeting{} || expected != 0) && !e.Book.Ready() {
		http.Error(w, greetings.ErrNotReady.Error(), http.StatusServiceUnavailable)
		return greetings.Meeting{}, false
	}
	said, refusal := e.Book.Call(from, peer, expected)
	setGreeting(w.Header(), said)
	if refusal == nil {
		// Only now: a stranger may be of the cluster that this node should be in.
		ok := e.belongs(w, r, from)
		if ok && e.Roster.Knows(from) {
			recognised(r)
		}
		return greetings.Meeting{Peer: peer, Said: said}, ok
	}
	w.Header().Set(headerCluster, formatID(e.self.cluster))
	e.Reach.Failed(from, r.RemoteAddr, refusal.Mismatch)
	w.Header().Set(headerMismatch, mismatchWords()[refusal.Reason])
	setNumber(w.Header(), headerKnown, refusal.Known)
	if refusal.NotMeant {
		w.Header().Set(headerMismatch, wordExpected)
		w.Header().Del(headerKnown)
	}
	http.Error(w, greetings.ErrMismatch.Error(), http.StatusPreconditionFailed)
	return greetings.Meeting{}, false
}

// judge decides about the peer's answer to a request of ours. check is what the
// answer must be otherwise: nothing that the answerer says of itself counts
// before it has passed.
func (p *peer) judge(response *http.Response, check func() error) error {
	greeting, err := greetingOf(response.Header)
	if word := response.Header.Get(headerMismatch); err == nil && word != "" && response.StatusCode == http.StatusPreconditionFailed {
		if err := checkCluster(response, p.e.self); err != nil {
			return err // a stranger's word, which does not accuse
		}
		return p.refused(response, word, greeting)
	}
	if err := errors.Join(check(), err); err != nil {
		return err
	}
	if m := p.e.Book.Meet(p.id, greeting); m != nil {
		return m
	}
	return nil
}

// refused reads a refusal. The peer's word is taken only for what it can know:
// whether it is the one that is expected is judged here.
func (p *peer) refused(response *http.Response, word string, greeting transport.Greeting) error {
	if word == wordExpected {
		if m := p.e.Book.Meet(p.id, greeting); m != nil {
			return m
		}
		return fmt.Errorf("answer %s: %w", response.Status, greetings.ErrMismatch)
	}
	said, _ := greetingOf(response.Request.Header)
	known, err := number(response.Header, headerKnown)
	for reason, w := range mismatchWords() {
		if w == word && err == nil {
			m := &transport.Mismatch{Reason: reason, Own: said, Peer: greeting, Known: known}
			p.e.Book.Refused(p.id, m)
			return m
		}
	}
	return fmt.Errorf("answer %s: %w: %.32q", response.Status, greetings.ErrMismatch, word)
}
