package httptransport

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Headers of rafthttp, in the canonical form that net/http uses. The last
// five are ours; others ignore them.
const (
	headerFrom       = "X-Server-From"
	headerVersion    = "X-Server-Version"
	headerMinVersion = "X-Min-Cluster-Version"
	headerCluster    = "X-Etcd-Cluster-Id"
	headerTo         = "X-Raft-To"
	headerURLs       = "X-Peerurls"
	headerTerm       = "X-Raft-Term" // of the older form of the msgapp stream only

	headerRemovedIndex   = "X-Pontoon-Removed-Index"
	headerRemovedTerm    = "X-Pontoon-Removed-Term"
	headerSnapshotSize   = "X-Pontoon-Snapshot-Size"
	headerSnapshotSHA256 = "X-Pontoon-Snapshot-Sha256"
	headerSnapshotOffset = "X-Pontoon-Snapshot-Offset"
)

// The version that we announce. Every etcd from 3.5 on has 3.5.0 in its table
// of versions that speak these streams; it says which protocol we speak, not
// who we are.
const (
	protocolVersion    = "3.5.0"
	minClusterVersion  = "3.0.0"
	versionWithoutName = "2.0.0" // of a peer that announces none
)

// Texts that rafthttp compares, and the errors they stand for on this side.
var (
	errIncompatibleVersion = errors.New("incompatible version")
	errClusterMismatch     = errors.New("cluster ID mismatch")
	errToMismatch          = errors.New("to field mismatch")
	errUnknownSender       = errors.New("error sender not found")
)

// identity is who this node is and what it tells each peer.
type identity struct {
	node, cluster uint64
	urls          []string
	oldPeers      bool // peers from before minClusterVersion are spoken to
}

// least is the oldest version of peers that this node speaks to.
func (i identity) least() string {
	if i.oldPeers {
		return versionWithoutName
	}
	return minClusterVersion
}

func formatID(id uint64) string { return strconv.FormatUint(id, 16) }

func parseID(s string) (uint64, error) { return strconv.ParseUint(s, 16, 64) }

// mark puts the headers of every request on h.
func (i identity) mark(h http.Header, to uint64) {
	h.Set(headerFrom, formatID(i.node))
	h.Set(headerVersion, protocolVersion)
	h.Set(headerMinVersion, i.least())
	h.Set(headerCluster, formatID(i.cluster))
	h.Set(headerTo, formatID(to))
	if len(i.urls) > 0 {
		h.Set(headerURLs, strings.Join(i.urls, ","))
	}
}

// check refuses requests of incompatible peers and of other clusters.
func (i identity) check(h http.Header) error {
	if !compatible(h.Get(headerVersion), h.Get(headerMinVersion), i.least()) {
		return errIncompatibleVersion
	}
	if h.Get(headerCluster) != formatID(i.cluster) {
		return errClusterMismatch
	}
	return nil
}

// compatible applies rafthttp's rule to what a peer announces. A version that
// cannot be read is not compatible; one newer than ours is. oldest is the least
// version that this node accepts.
func compatible(version, minimum, oldest string) bool {
	v, ok := parseVersion(version)
	if !ok {
		return false
	}
	m, ok := parseVersion(minimum)
	if !ok {
		return false
	}
	ours, _ := parseVersion(protocolVersion)
	least, _ := parseVersion(oldest)
	return !v.less(least) && !ours.less(m)
}

// streams reports whether a peer of that version has the streams we speak.
func streams(version string) bool {
	v, ok := parseVersion(version)
	return ok && !v.less(firstWithStreams)
}

// firstWithStreams is the first release that has the streams we speak.
var firstWithStreams = release{2, 1}

type release struct{ major, minor uint64 }

func (r release) less(o release) bool {
	return r.major < o.major || (r.major == o.major && r.minor < o.minor)
}

// parseVersion reads the first two numbers of a version; the rest is free.
func parseVersion(s string) (release, bool) {
	s = cmp.Or(s, versionWithoutName)
	major, rest, ok := strings.Cut(s, ".")
	if !ok {
		return release{}, false
	}
	minor, _, ok := strings.Cut(rest, ".")
	if !ok {
		return release{}, false
	}
	a, errA := strconv.ParseUint(major, 10, 32)
	b, errB := strconv.ParseUint(minor, 10, 32)
	return release{a, b}, errA == nil && errB == nil
}

// markRemoved puts the proof of a removal on an answer.
func markRemoved(h http.Header, m transport.RemovedMember) {
	h.Set(headerRemovedIndex, strconv.FormatUint(m.Index, 10))
	h.Set(headerRemovedTerm, strconv.FormatUint(m.Term, 10))
}

// removedProof reads it. Peers that are not ours send none: index and term 0.
func removedProof(h http.Header, id uint64) transport.RemovedMember {
	index, _ := strconv.ParseUint(h.Get(headerRemovedIndex), 10, 64)
	term, _ := strconv.ParseUint(h.Get(headerRemovedTerm), 10, 64)
	return transport.RemovedMember{Id: id, Index: index, Term: term}
}
