package httptransport

import (
	"net/http"
	"strings"
)

// learn notes where an unknown sender says that it can be reached. Anyone who
// knows the cluster's id could otherwise make this node dial any address, so
// only those are believed whom their certificate vouches for, which vouched has
// checked, or all if the configuration says so.
func (e *endpoint) learn(r *http.Request, from uint64) {
	if from == 0 || from == e.self.node || (!e.config.LearnRemotes && !e.Trust.Proven()) || e.Roster.Knows(from) {
		return
	}
	urls := e.Trust.Guard.Usable(strings.Split(r.Header.Get(headerURLs), ","))
	if len(urls) == 0 {
		return
	}
	if _, added := e.Roster.Learn(from, urls); added {
		e.Reach.Learned(from, "learned where an unknown member can be reached", urls[0].String())
	}
}
