// Package membercert is how a certificate says which member of which cluster
// it belongs to, or which client, and how such certificates are made for trying
// things out.
//
// A member's certificate has exactly one URI among its subject alternative
// names, pontoon://<cluster>/<member>, both ids in lower-case hex without
// leading zeros. DNS names and IP addresses may stand beside it; members do not
// look at them. A client's has pontoon://client/<name>, see ClientOf.
package membercert

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Scheme is that of the URI that names a member.
const Scheme = "pontoon"

// Errors of Of. The texts say what to do, because they end up in a log.
var (
	// ErrNoName: the certificate names no member. Of returns it.
	ErrNoName = errors.New("certificate names no member: it needs the URI pontoon://<cluster>/<member> as a subject alternative name")
	// ErrSeveralNames: it has several URIs, so that it does not say which
	// member it is.
	ErrSeveralNames = errors.New("certificate has several URIs as subject alternative names: issue one certificate for each member")
	// ErrBadName: its only URI is not one of a member. Of returns it.
	ErrBadName = errors.New("certificate's URI is not pontoon://<cluster>/<member> with both ids in hex")
)

// Name is a member of a cluster. Neither id is 0.
type Name struct{ Cluster, Member uint64 }

// URI is the name as it stands in a certificate.
func (n Name) URI() *url.URL {
	return &url.URL{Scheme: Scheme, Host: strconv.FormatUint(n.Cluster, 16), Path: "/" + strconv.FormatUint(n.Member, 16)}
}

// String implements fmt.Stringer.
func (n Name) String() string { return n.URI().String() }

// Of reads the name in a certificate. It does not judge the certificate.
func Of(c *x509.Certificate) (Name, error) {
	switch len(c.URIs) {
	case 0:
		return Name{}, ErrNoName
	case 1:
		return parse(c.URIs[0])
	default:
		return Name{}, fmt.Errorf("%w: there are %d", ErrSeveralNames, len(c.URIs))
	}
}

// parse accepts what URI makes and nothing else: two spellings of one member
// would be two names.
func parse(u *url.URL) (Name, error) {
	cluster, errCluster := strconv.ParseUint(u.Host, 16, 64)
	member, errMember := strconv.ParseUint(strings.TrimPrefix(u.Path, "/"), 16, 64)
	n := Name{cluster, member}
	if errCluster != nil || errMember != nil || cluster == 0 || member == 0 || u.String() != n.String() {
		return Name{}, fmt.Errorf("%w: %.80q", ErrBadName, u.String())
	}
	return n, nil
}
