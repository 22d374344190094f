package peertls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/membercert"
)

// Why a certificate is refused, besides the errors of membercert.Of and of certfiles.Judge.
// The texts say what to do.
var (
	// ErrNoCertificate: there is none.
	ErrNoCertificate = errors.New("no certificate: set tls on both nodes")
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
	return certfiles.Judge(chain, m.authorities, usage)
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
		{certfiles.ErrExpired, "expired"},
		{certfiles.ErrNotYetValid, "not_yet_valid"},
		{certfiles.ErrUnknownAuthority, "unknown_authority"},
		{certfiles.ErrWrongUsage, "wrong_usage"},
		{certfiles.ErrUnverifiable, "unverifiable"},
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
