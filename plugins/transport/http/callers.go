package httptransport

import (
	"net/http"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

// speaksFor reports why a caller may not speak for a member, nil if it may.
// Without TLS that cannot be known, and every caller may.
func (e *endpoint) speaksFor(r *http.Request, member uint64) error {
	if !e.Trust.Proven() {
		return nil
	}
	if r.TLS == nil {
		return peertls.ErrNoCertificate
	}
	return e.Trust.Members.Speaks(*r.TLS, member)
}

// vouched refuses a caller that may not speak for the member. It has to call
// anew, because its certificate may be another by then.
func (e *endpoint) vouched(w http.ResponseWriter, r *http.Request, member uint64) bool {
	err := e.speaksFor(r, member)
	if err != nil {
		e.Trust.Refusals.Called(r.RemoteAddr, err)
		w.Header().Set("Connection", "close")
		http.Error(w, err.Error(), http.StatusForbidden)
	}
	return err == nil
}

// sender is the member that a request says it is from, if the caller may speak
// for it. Otherwise the request is answered.
func (e *endpoint) sender(w http.ResponseWriter, r *http.Request) (uint64, bool) {
	from, err := parseID(r.Header.Get(headerFrom))
	if err != nil || from == 0 || from == e.self.node {
		http.Error(w, "invalid from", http.StatusBadRequest)
		return 0, false
	}
	return from, e.vouched(w, r, from)
}
