package maintenance

import (
	"fmt"
	"strings"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// Segment is one file of a log.
type Segment struct {
	Name       string `json:"file"`
	Bytes      int64  `json:"bytes"`
	Used       int64  `json:"used"`
	Prepared   bool   `json:"prepared"`
	FirstSeq   uint64 `json:"first_sequence"`
	LastSeq    uint64 `json:"last_sequence"`
	FirstIndex uint64 `json:"first_index"`
	LastIndex  uint64 `json:"last_index"`
	Records    int    `json:"records"`
	Entries    int    `json:"entries"`
	Unreadable int    `json:"unreadable"`
}

// Record is one record of a log, or a stretch of bytes that is not a record.
type Record struct {
	Segment   string     `json:"file"`
	Offset    int64      `json:"offset"`
	Bytes     int64      `json:"bytes"`
	Kind      string     `json:"kind"`
	Seq       uint64     `json:"sequence"`
	Mark      uint64     `json:"durable_mark"`
	Index     uint64     `json:"index"`
	Term      uint64     `json:"term"`
	HardState *HardState `json:"hard_state,omitempty"`
	Count     int        `json:"count"`
	Entries   []Entry    `json:"entries,omitempty"`
	Problem   string     `json:"problem,omitempty"`
}

// HardState is a record's, with the vote in hex.
type HardState struct {
	Term   uint64 `json:"term"`
	Vote   string `json:"vote"`
	Commit uint64 `json:"commit"`
}

// Entry is one entry of a record.
type Entry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Type  string `json:"type"`
	Bytes int    `json:"bytes"`
	Data  []byte `json:"data_base64"`
}

// Note says in short what a record has besides its place.
func (r Record) Note() string {
	var parts []string
	if r.Count > 0 {
		parts = append(parts, fmt.Sprintf("%d entries", r.Count))
	}
	if h := r.HardState; h != nil {
		parts = append(parts, fmt.Sprintf("term %d vote %s commit %d", h.Term, h.Vote, h.Commit))
	}
	if r.Problem != "" {
		parts = append(parts, r.Problem)
	}
	return strings.Join(parts, "; ")
}

// Filter chooses what Records shows. Zero means no bound; with a bound only
// batches and unreadable bytes are shown.
type Filter struct {
	From, To uint64
	Entries  bool
}

func (f Filter) shows(r wal.Record) bool {
	if f.From == 0 && f.To == 0 || r.Kind == wal.RecordUnreadable {
		return true
	}
	n := uint64(len(r.Entries))
	return n > 0 && r.Index+n > f.From && (f.To == 0 || r.Index <= f.To)
}

func (f Filter) in(index uint64) bool { return index >= f.From && (f.To == 0 || index <= f.To) }

// inspect runs f on the log in place.
func inspect(place Place, f func(*wal.Inspection) error) error {
	if place.Backend != wal.Name {
		return fmt.Errorf("%w: %s has data of the backend %q, and only logs of %q have records that can be shown; "+
			"host log verify works with any backend", ErrRefused, place.Dir, orUnknown(place.Backend), wal.Name)
	}
	in, err := wal.Inspect(place.Dir)
	if err != nil {
		return classify(err)
	}
	if err := f(in); err != nil {
		_ = in.Close() // nothing was written
		return classify(err)
	}
	return in.Close()
}

// Segments describes the files of the log in place, and says its store id in hex:
// empty if it cannot be read.
func Segments(place Place) (all []Segment, store string, err error) {
	all = []Segment{}
	err = inspect(place, func(in *wal.Inspection) error {
		if id := in.StoreID(); id != 0 {
			store = hexID(id)
		}
		found, err := in.Scan(nil)
		for _, s := range found {
			all = append(all, Segment(s))
		}
		return err
	})
	return all, store, err
}

// Records calls visit for what filter chooses of the log in place.
func Records(place Place, filter Filter, visit func(Record) error) error {
	return inspect(place, func(in *wal.Inspection) error {
		_, err := in.Scan(func(r wal.Record) error {
			if !filter.shows(r) {
				return nil
			}
			return visit(shown(r, filter))
		})
		return err
	})
}

func shown(r wal.Record, filter Filter) Record {
	out := Record{
		Segment: r.Segment, Offset: r.Offset, Bytes: r.Bytes, Kind: r.Kind, Seq: r.Seq, Mark: r.Mark,
		Index: r.Index, Term: r.Term, Count: len(r.Entries), Problem: r.Problem,
	}
	if h := r.HardState; h != nil {
		out.HardState = &HardState{Term: h.Term, Vote: hexID(h.Vote), Commit: h.Commit}
	}
	if !filter.Entries {
		return out
	}
	for _, e := range r.Entries {
		if filter.in(e.Index) {
			out.Entries = append(out.Entries, Entry{Index: e.Index, Term: e.Term, Type: entryType(e.Type), Bytes: len(e.Data), Data: e.Data})
		}
	}
	return out
}

func entryType(t pluginv1.EntryType) string {
	switch t {
	case pluginv1.EntryType_ENTRY_NORMAL:
		return "normal"
	case pluginv1.EntryType_ENTRY_CONF_CHANGE:
		return "membership"
	}
	return fmt.Sprintf("type %d", t)
}
