package access

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// Errors of a Guard. Each refuses a request before anything is done for it.
var (
	// ErrUnauthenticated: the request does not prove a name, and without a name it
	// may not do this. Guard.Check returns it, and it ends the streams of a token
	// that was taken away.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrPermissionDenied: the client is known, and its role does not suffice.
	// Guard.Check returns it.
	ErrPermissionDenied = errors.New("permission denied")
	// ErrLimit: the client has reached a limit of its own. A Client returns it
	// for proposals that are over it.
	ErrLimit = errors.New("limit of the client reached")
)

// A Refusal is an error of a Guard with what it is about.
type Refusal struct {
	Err    error
	Detail string
	// RetryAfter is how long to wait before another try; 0 means no advice.
	RetryAfter time.Duration
}

// Error implements error.
func (r *Refusal) Error() string { return fmt.Sprintf("%v: %s", r.Err, r.Detail) }

// Unwrap makes errors.Is see the sentinel.
func (r *Refusal) Unwrap() error { return r.Err }

// A Guard decides what clients may do, by a Policy. Its methods may be called from
// any goroutine. A nil Guard gives every client the role Administer.
type Guard struct {
	policy Policy
	tokens *tokens // nil if none are accepted
	misses missLog
	holds  holds
	usage  usage
	counts counts
}

// New makes a Guard. It is nil if there is no policy, or one that asks nothing of
// any client. An error says what is wrong with the file of tokens.
func New(policy *Policy, logger *slog.Logger) (*Guard, error) {
	if policy == nil || policy.Open() {
		return nil, nil
	}
	p := *policy
	logger = cmp.Or(logger, slog.New(slog.DiscardHandler))
	defaults.Or(&p.Reload, reloadEvery)
	g := &Guard{policy: p, misses: missLog{logger: logger}}
	if p.TokensFile == "" {
		return g, nil
	}
	var err error
	if g.tokens, err = openTokens(p.TokensFile, logger); err != nil {
		return nil, fmt.Errorf("api.access.tokens_file: %w", err)
	}
	return g, nil
}

// A Presented is what a request shows of its client.
type Presented struct {
	// Certificate is the name in the certificate that the connection's TLS has
	// verified; empty without one.
	Certificate string
	// Authorization is the field of that name in the request's header.
	Authorization string
	// Address is the client's address, and Private whether the connection keeps from
	// others what it carries: by TLS, or on the loopback interface.
	Address string
	Private bool
}

// Identify says which client a request comes from. A token that is shown counts
// before a certificate. The error is a Refusal: a token that is not accepted
// refuses the request, whatever it could have done without.
func (g *Guard) Identify(p Presented, now time.Time) (Identity, error) {
	id := Identity{Name: p.Certificate, Role: Administer, Address: p.Address}
	if p.Certificate != "" {
		id.Method = MethodCertificate
	}
	if g == nil {
		return id, nil
	}
	if p.Authorization != "" && g.tokens != nil {
		return g.byToken(p, now)
	}
	id.Role = g.policy.Anonymous
	if p.Certificate != "" {
		id.Role = g.policy.certified(p.Certificate)
	}
	return id, nil
}

// byToken is Identify for a request that shows a token.
func (g *Guard) byToken(p Presented, now time.Time) (Identity, error) {
	refuse := func(format string, args ...any) (Identity, error) {
		why := fmt.Sprintf(format, args...)
		g.misses.note(now, p.Address, why)
		return Identity{}, &Refusal{Err: ErrUnauthenticated, Detail: why}
	}
	scheme, text, _ := strings.Cut(p.Authorization, " ")
	if !strings.EqualFold(scheme, "bearer") {
		return refuse("the field Authorization is not of the form: Bearer TOKEN")
	}
	if !p.Private && !g.policy.InsecureTokens {
		return refuse("a token came over a connection without TLS, where others can read it: take the token for known to others and rotate it; use TLS")
	}
	id, secret, err := parseToken(strings.TrimSpace(text))
	if err != nil {
		return refuse("the token cannot be used: %v", err)
	}
	k, ok := g.tokens.find(id)
	if !ok || !k.matches(secret) {
		return refuse("the token with the id %s is not known here", id)
	}
	if why := k.ended(now); why != "" {
		return refuse("the token %s of %s %s", id, k.Name, why)
	}
	return Identity{Name: k.Name, Method: MethodToken, Role: k.role, Address: p.Address, Token: id}, nil
}

// Check refuses a request that needs a role which its client does not have. The
// text of what names the request. The error is a Refusal.
func (g *Guard) Check(i Identity, need Role, what string) error {
	if g == nil || i.Role.May(need) {
		return nil
	}
	if i.Name == "" {
		return g.counts.counted(&Refusal{Err: ErrUnauthenticated, Detail: fmt.Sprintf("%s needs the role %v; a client without a name has the role %v here: %s",
			what, need, i.Role, g.wayIn())})
	}
	return g.counts.counted(&Refusal{Err: ErrPermissionDenied, Detail: fmt.Sprintf("%s needs the role %v; %s, known by its %s, has the role %v",
		what, need, i.Name, i.proof(), i.Role)})
}

// wayIn says how a client gets a name here.
func (g *Guard) wayIn() string {
	switch {
	case g.tokens != nil && len(g.policy.Certificates) > 0:
		return "show a token or a certificate"
	case g.tokens != nil:
		return "show a token"
	case len(g.policy.Certificates) > 0:
		return "show a certificate"
	}
	return "the configuration names no other way (api.access)"
}

// proof is how a client has proved its name.
func (i Identity) proof() string {
	if i.Method == MethodToken {
		return "token " + i.Token
	}
	return i.Method
}
