package replay

import (
	"errors"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
)

var (
	// ErrNothing: there is no event with which a replay can begin.
	ErrNothing = errors.New("nothing of the record can be replayed")
	// ErrTransport: a transport cannot be replayed.
	ErrTransport = errors.New("the record is of a transport, which cannot be replayed: what it tells is what other members did, and another process would be told nothing")
)

// A Report is what a replay has found.
type Report struct {
	Kind  plugins.Kind `json:"kind"`
	Files []string     `json:"files"`
	// Recorded are the plugins that were recorded, each version once.
	Recorded []Version `json:"recorded"`
	// Replayed is the plugin that was started, Command and SHA256 are of its executable.
	Replayed Version  `json:"replayed"`
	Command  []string `json:"command"`
	SHA256   string   `json:"sha256"`
	// Starts say where the replay has begun, again after each gap.
	Starts []Start `json:"starts"`
	// Calls and Entries were given to the plugin, and Compared is how many answers were
	// compared. Undecided answers differ and count for nothing, because the state changed while
	// they were on their way.
	Calls     uint64 `json:"calls"`
	Entries   uint64 `json:"entries"`
	Compared  uint64 `json:"compared"`
	Undecided uint64 `json:"undecided"`
	// Left are parts of the record that were not replayed, and why.
	Left []string `json:"left"`
	// Faults say where a file was cut or is damaged.
	Faults []string `json:"faults"`
	// Difference is the first one; nil if there is none.
	Difference *Difference `json:"difference"`
	Seconds    float64     `json:"seconds"`

	damaged bool
}

// Damaged tells whether a file is damaged, and not only cut.
func (r *Report) Damaged() bool { return r.damaged }

// A Version is what a plugin said of itself.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// A Start is where a replay begins.
type Start struct {
	// Event is the number in the record, and Time when it was.
	Event uint64    `json:"event"`
	Time  time.Time `json:"time"`
	// How is opened, restored or saved: by an Open without a state, by a Restore, or by a
	// snapshot that the plugin saved. Index is that of the state.
	How   string `json:"how"`
	Index uint64 `json:"index"`
}

// A Difference is an answer that is another one than the record has.
type Difference struct {
	// Call is the number of the call in the record, Method what was called, and Time when.
	Call   uint64    `json:"call"`
	Method string    `json:"method"`
	Time   time.Time `json:"time"`
	// Batch is the number in a stream of batches, Entry that in the batch, from 1, and Index
	// that of the entry; they are 0 where there is none.
	Batch uint64 `json:"batch"`
	Entry int    `json:"entry"`
	Index uint64 `json:"index"`
	// This part of the answer differs.
	What string `json:"what"`
	// Request is what was asked, Recorded the answer then, and Replayed the one now, for people.
	Request  string `json:"request"`
	Recorded string `json:"recorded"`
	Replayed string `json:"replayed"`
	// Before are the calls before it, the last one last.
	Before []string `json:"before"`
}
