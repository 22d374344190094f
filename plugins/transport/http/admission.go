package httptransport

import (
	"context"
	"fmt"
	"net/http"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
)

// headerMember is, of a probe, the member that the caller asks about, and of its
// answer that member if the answerer knows it as one.
const headerMember = "X-Pontoon-Member"

// belongs answers a caller that proved who it is and is no member, as far as this
// node and its peers know.
func (e *endpoint) belongs(w http.ResponseWriter, r *http.Request, from uint64) bool {
	heard := e.hears(from)
	if !heard {
		err := fmt.Errorf("%w: it is of member %x", peertls.ErrNoMember, from)
		e.security.refusals.Called(r.RemoteAddr, err)
		http.Error(w, err.Error(), http.StatusForbidden)
	}
	return heard
}

// hears tells whether a caller that proved who it is may be heard, and has the
// peers asked if need be. Without TLS every caller is heard.
func (e *endpoint) hears(from uint64) bool {
	if e.security.members == nil {
		return true
	}
	heard, ask := e.desk.Admits(from)
	if ask {
		e.life.Go(func() { e.inquire(from) })
	}
	return heard
}

// inquire asks the peers whether one of them knows the caller as a member.
func (e *endpoint) inquire(about uint64) {
	ctx, cancel := context.WithTimeout(e.life.Context(), e.timing.dial)
	defer cancel()
	e.desk.Told(about, vouching.Ask(e.roster.Named(), func(p *peer) vouching.Answer { return p.vouches(ctx, about) }))
}

// vouches asks one peer. Its certificate says that it is that peer.
func (p *peer) vouches(ctx context.Context, about uint64) vouching.Answer {
	base := p.urls.Pick()
	if base == nil {
		return vouching.Nobody
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(pathProbing).String(), nil)
	if err != nil {
		return vouching.Nobody
	}
	p.e.mark(request.Header, p.id)
	request.Header.Set(headerMember, formatID(about))
	response, err := p.clients.probe.RoundTrip(request)
	if err != nil {
		return vouching.Nobody
	}
	defer closeAnswer(response)
	if response.StatusCode == http.StatusOK && response.Header.Get(headerMember) == formatID(about) {
		return vouching.Member
	}
	return vouching.Unknown
}

// answerInquiry says of the member that a member asks about that it is one.
func (e *endpoint) answerInquiry(w http.ResponseWriter, r *http.Request) {
	about, err := parseID(r.Header.Get(headerMember))
	if err == nil && e.desk.Vouches(about) {
		w.Header().Set(headerMember, formatID(about))
	}
}
