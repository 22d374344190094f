package httptransport

import (
	"context"
	"net/http"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
)

// headerMember is, of a probe, the member that the caller asks about, and of its
// answer that member if the answerer knows it as one.
const headerMember = "X-Pontoon-Member"

// belongs answers a caller that proved who it is and is not a member, as far as
// this node and its peers know.
func (e *endpoint) belongs(w http.ResponseWriter, r *http.Request, from uint64) bool {
	err := e.Belongs(r.RemoteAddr, from)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
	}
	return err == nil
}

// Vouches implements shell.Peer. The certificate of the answerer says that it is that
// peer.
func (p *peer) Vouches(ctx context.Context, about uint64) vouching.Answer {
	base := p.urls.Pick()
	if base == nil {
		return vouching.Unanswered
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(pathProbing).String(), nil)
	if err != nil {
		return vouching.Unanswered
	}
	p.e.mark(request.Header, p.id)
	request.Header.Set(headerMember, formatID(about))
	response, err := p.clients.probe.RoundTrip(request)
	if err != nil {
		return vouching.Unanswered
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
	if err == nil && e.Desk.Vouches(about) {
		w.Header().Set(headerMember, formatID(about))
	}
}
