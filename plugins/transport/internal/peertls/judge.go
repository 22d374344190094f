package peertls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/membercert"
)

// Why a certificate is refused, besides the errors of membercert.Of. The texts
// say what to do.
var (
	// ErrNoCertificate: there is none.
	ErrNoCertificate = errors.New("no certificate: set tls on both nodes")
	// ErrExpired: its time is over.
	ErrExpired = errors.New("certificate has expired: issue a new one")
	// ErrNotYetValid: its time has not come.
	ErrNotYetValid = errors.New("certificate is not valid yet: compare the clocks of both nodes and of who issued it")
	// ErrUnknownAuthority: no authority in the CA file has signed it.
	ErrUnknownAuthority = errors.New("certificate is not signed by an authority in tls.ca: issue it by one of those, or add its authority to tls.ca of all members")
	// ErrWrongUsage: it was made for something else.
	ErrWrongUsage = errors.New("certificate is for another use: it needs the extended key usages serverAuth and clientAuth")
	// ErrUnverifiable: anything else that is wrong with it.
	ErrUnverifiable = errors.New("certificate cannot be verified")
	// ErrOtherCluster: it is of a member of another cluster.
	ErrOtherCluster = errors.New("certificate is of another cluster: compare cluster.id of both nodes and the URI in the certificate")
	// ErrOtherMember: another member answered than the one that was dialled.
	ErrOtherMember = errors.New("certificate is of another member: the address leads to the wrong node, or the node has the wrong certificate")
	// ErrOtherSender: the caller says that it is another member than its
	// certificate says.
	ErrOtherSender = errors.New("sender is not the member of the certificate")
	// ErrNoMember: the certificate is in order, and neither this node nor its
	// peers know its member.
	ErrNoMember = errors.New("certificate is of no member of the cluster: add the member first, or replace the authority if it has signed what it should not")
	// ErrOwnName: the caller shows a certificate of this very node.
	ErrOwnName = errors.New("certificate is of this very node: another node uses a copy of it, or a peer URL of this node leads back to it")
)

// judge verifies a chain, the leaf first, and returns whom it belongs to.
func (m *material) judge(chain []*x509.Certificate, usage x509.ExtKeyUsage) (membercert.Name, error) {
	if len(chain) == 0 {
		return membercert.Name{}, ErrNoCertificate
	}
	now := time.Now()
	if err := certfiles.Verify(chain, m.authorities, now, usage); err != nil {
		return membercert.Name{}, explain(err, now)
	}
	return membercert.Of(chain[0])
}

// explain says which of our errors one of x509 is.
func explain(err error, now time.Time) error {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return inTime(invalid.Cert, now)
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return ErrWrongUsage
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return ErrUnknownAuthority
	}
	return fmt.Errorf("%w: %w", ErrUnverifiable, err)
}

// inTime reports a certificate whose time is over or has not come.
func inTime(c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("%w: it was valid until %s", ErrExpired, c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("%w: it will be from %s on", ErrNotYetValid, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// Reason is a word for why a peer was refused, for metrics and for telling one
// refusal from another; empty if err is of another kind. There are few words.
func Reason(err error) string {
	for _, known := range reasons() {
		if errors.Is(err, known.err) {
			return known.word
		}
	}
	var operation *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, new(tls.RecordHeaderError)):
		return "not_tls"
	// crypto/tls has no errors for these, only texts.
	case strings.Contains(err.Error(), "didn't provide a certificate"):
		return "no_certificate"
	case strings.Contains(err.Error(), "unsupported versions"), strings.Contains(err.Error(), "protocol version not supported"):
		return "old_tls"
	case errors.As(err, &operation) && operation.Op == "remote error":
		return "refused_by_peer"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return ""
}

type reason struct {
	err  error
	word string
}

func reasons() []reason {
	return []reason{
		{ErrNoCertificate, "no_certificate"},
		{ErrExpired, "expired"},
		{ErrNotYetValid, "not_yet_valid"},
		{ErrUnknownAuthority, "unknown_authority"},
		{ErrWrongUsage, "wrong_usage"},
		{ErrUnverifiable, "unverifiable"},
		{ErrOtherCluster, "other_cluster"},
		{ErrOtherMember, "other_member"},
		{ErrOtherSender, "other_sender"},
		{ErrNoMember, "no_member"},
		{ErrOwnName, "own_name"},
		{membercert.ErrNoName, "no_name"},
		{membercert.ErrSeveralNames, "several_names"},
		{membercert.ErrBadName, "bad_name"},
	}
}
