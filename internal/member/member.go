// Package member holds who belongs to a cluster: the identity of a member and
// the registry that committed membership changes drive. The registry is a pure
// function of the log (law 12 of the design): every replica accepts and
// refuses the same changes.
package member

import (
	"fmt"
	"log/slog"
	"strconv"
)

// An ID identifies a member for good: it is never used again after a removal.
// 0 means none.
type ID uint64

// String returns the id as lower-case hex without padding.
func (id ID) String() string { return strconv.FormatUint(uint64(id), 16) }

// LogValue shows an id in logs as everywhere else: in hex.
func (id ID) LogValue() slog.Value { return slog.StringValue(id.String()) }

// ParseID reads the hex form of an id.
func ParseID(s string) (ID, error) {
	id, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("member id %q is not a hexadecimal number of at most 16 digits", s)
	}
	return ID(id), nil
}

// Member is one member of the cluster.
type Member struct {
	ID            ID       `json:"id"`
	Name          string   `json:"name"`
	PeerURLs      []string `json:"peer_urls"`
	ClientAddress string   `json:"client_address"`
	Learner       bool     `json:"learner,omitempty"`
	// Promote marks a learner that becomes a voter as soon as a leader sees that
	// it has caught up. A later leader knows of it from the log.
	Promote bool `json:"promote,omitempty"`
	// Store is the id of the store that the member keeps its log in, as it was
	// registered; 0 until then. A member that shows another one has lost its
	// data. Changes do not set it: see Registration.
	Store uint64 `json:"store,omitempty"`
}

// Removed is the proof of a removal: the log position of the change.
type Removed struct {
	ID    ID     `json:"id"`
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
}
