package audit

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pontoon-raft/pontoon/internal/access"
)

// An Op is what a record is about.
type Op string

// The operations that clients ask for.
const (
	Propose       Op = "propose"
	Query         Op = "query"
	AddMember     Op = "add_member"
	UpdateMember  Op = "update_member"
	PromoteMember Op = "promote_member"
	RemoveMember  Op = "remove_member"
	Transfer      Op = "transfer_leader"
	PluginLines   Op = "plugin_lines"
	RestartPlugin Op = "restart_plugin"
	UpgradePlugin Op = "upgrade_plugin"
	MoveStorage   Op = "move_storage"
	ReadSnapshot  Op = "read_snapshot"
)

// The operations that a Log itself records.
const (
	// opOpen begins a file.
	opOpen Op = "open"
	// opStart and opStop are the beginning and the orderly end of a host's life.
	opStart Op = "start"
	opStop  Op = "stop"
	// opDropped says how many records the chain lacks at its place.
	opDropped Op = "dropped"
)

// wants tells whether a level records an operation.
func (l Level) wants(op Op) bool {
	switch op {
	case Propose:
		return l == Writes || l == All
	case Query:
		return l == All
	}
	return l != Off
}

// An Outcome is what became of a request.
type Outcome string

// The outcomes.
const (
	// Applied: the request had its effect. A state machine may have refused what
	// was proposed; the reason says so.
	Applied Outcome = "applied"
	// Answered: the request had no effect to have, and got its answer, or a part of one in
	// chunks; then the reason says why it ended.
	Answered Outcome = "answered"
	// NotApplied: the request had no effect and will have none.
	NotApplied Outcome = "not_applied"
	// Unknown: the request may have had its effect, or may have it yet.
	Unknown Outcome = "unknown"
)

// ReasonRefused is the reason of a proposal that was applied, and that the state
// machine refused.
const ReasonRefused = "refused_by_state_machine"

// reasonUnavailable is why a request was refused whose record could not be kept.
const reasonUnavailable = "audit_unavailable"

// A Record is one request of a client.
type Record struct {
	Op Op
	// Client is who asked; nil for the host itself. Many records share it.
	Client *access.Identity
	// Call numbers the calls of a host's life, and ID is a proposal's own number
	// on its stream; InStream says that there is one.
	Call, ID uint64
	InStream bool
	// Target is the member that a change is about; nil if there is none.
	Target *Target
	// Bytes and Digest are the length of the request's data and its SHA-256.
	// HasData says that there is data.
	HasData bool
	Bytes   int
	Digest  [32]byte
	// The rest is what became of it. Index and Term are 0 unless it was applied.
	Outcome     Outcome
	Reason      string
	Index, Term uint64

	time   time.Time
	intent *intent // of a record that is written before its request is proposed
	place  int     // of the record in its intent
	of     uint64  // the number of its intent, for an outcome
	count  uint64  // of dropped records
	spared uint64  // of refusals among the requests of which there is no record
	text   string  // the version of the program, for a start
}

// recordMemory is about what a record takes in memory beside its target.
const recordMemory = 256

// bounded is r with no more of its target than a line holds, in memory of its own: a
// client may send much more, and all that waits is to have a bound.
func (r Record) bounded() Record {
	if r.Target == nil {
		return r
	}
	t := *r.Target
	t.PeerURLs = slices.Clone(t.PeerURLs[:min(len(t.PeerURLs), maxURLs)])
	for _, text := range t.texts() {
		*text = strings.Clone((*text)[:min(len(*text), maxText+utf8.UTFMax)])
	}
	r.Target = &t
	return r
}

// memory is what a bounded record takes.
func (r *Record) memory() int {
	n := recordMemory
	if r.Target != nil {
		for _, text := range r.Target.texts() {
			n += len(*text)
		}
	}
	return n
}

// texts are all that a client has sent.
func (t *Target) texts() []*string {
	all := []*string{&t.ID, &t.Name, &t.ClientAddress}
	for i := range t.PeerURLs {
		all = append(all, &t.PeerURLs[i])
	}
	return all
}

// A Target is the member that a change is about, as the client sent it.
type Target struct {
	ID            string   `json:"id"`
	Name          string   `json:"name,omitempty"`
	PeerURLs      []string `json:"peer_urls,omitempty"`
	ClientAddress string   `json:"client_address,omitempty"`
	Learner       bool     `json:"learner,omitempty"`
	Force         bool     `json:"force,omitempty"`
	// Plugin is the kind and the name of a plugin of the member that keeps the record.
	Plugin string `json:"plugin,omitempty"`
}
