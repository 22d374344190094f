package client

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// Reasons of a host that refuses a client. Another try meets them again, unless
// the token has become another one.
const (
	// ReasonUnauthenticated: the client shows no name, or a token that is not
	// accepted.
	ReasonUnauthenticated = "unauthenticated"
	// ReasonPermissionDenied: the client's role does not suffice.
	ReasonPermissionDenied = "permission_denied"
)

// barred reports whether a host refuses this client, whatever it asks for.
func (e *Error) barred() bool {
	if e == nil {
		return false
	}
	switch e.Reason {
	case ReasonUnauthenticated, ReasonPermissionDenied, reasonWantsTLS:
		return true
	}
	return false
}

// maxTokenBytes bounds a file that is to hold one token.
const maxTokenBytes = 4 << 10

// A tokenSource is the token of a client. A file is read again when it changes.
type tokenSource struct {
	file string

	mu   sync.Mutex
	text string
	seen fs.FileInfo // the file that text is from
}

// current is the token; "" if the client has none.
func (s *tokenSource) current() (string, error) {
	if s == nil {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == "" {
		return s.text, nil
	}
	info, err := os.Stat(s.file)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	if s.seen != nil && os.SameFile(s.seen, info) && s.seen.ModTime().Equal(info.ModTime()) && s.seen.Size() == info.Size() {
		return s.text, nil
	}
	text, err := readToken(s.file)
	if err != nil {
		return "", err
	}
	s.text, s.seen = text, info
	return text, nil
}

func readToken(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTokenBytes+1))
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > maxTokenBytes || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("token file: %s does not hold one token and nothing else", file)
	}
	return token, nil
}

// bearer shows a token with each call on one connection.
type bearer struct {
	source *tokenSource
	// exposed: only TLS would keep others from reading what the connection carries.
	exposed bool
}

var _ credentials.PerRPCCredentials = bearer{}

// bearerFor is the token of o for calls to addr.
func bearerFor(o Options, addr string) bearer {
	return bearer{source: o.token, exposed: o.TLS == nil && !o.InsecureToken && !memberform.IsLoopback(addr)}
}

// GetRequestMetadata implements credentials.PerRPCCredentials. A token never
// leaves on a connection on which others could read it: that the host refuses it
// there would come too late.
func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	if b.source == nil {
		return nil, nil
	}
	if b.exposed {
		info, _ := credentials.RequestInfoFromContext(ctx)
		if err := credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity); err != nil {
			return nil, unshown("the token is not sent over a connection without TLS, where others can read it; use TLS, or InsecureToken (--insecure-token)")
		}
	}
	token, err := b.source.current()
	if err != nil {
		return nil, unshown(err.Error())
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials: see
// GetRequestMetadata.
func (bearer) RequireTransportSecurity() bool { return false }

// unshown is the error of a call that was not made for want of a token.
func unshown(why string) error {
	st, err := status.New(codes.Unauthenticated, why).WithDetails(&hostv1.Failure{
		Outcome: hostv1.Outcome_OUTCOME_NOT_APPLIED, Reason: ReasonUnauthenticated, Message: why,
	})
	if err != nil {
		return status.Error(codes.Unauthenticated, why)
	}
	return st.Err()
}
