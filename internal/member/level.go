package member

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Level is the highest feature level that this build understands. It grows by one
// whenever a build begins to write into the log, into snapshots or into changes
// what builds before it do not know. Level 1 is that of builds that refuse what
// they do not know.
const Level = StateHashLevel + ahead

// StampLevel is the level from which entries have stamps (docs/formats/entry.md), and
// snapshots the time of the last one.
const StampLevel = 2

// ErrNewer: the log or a snapshot has something that a newer build wrote, and this
// build does not understand it. A member that went on would have another registry
// than the others, so it ends. The store is sound: a newer build goes on with it.
var ErrNewer = errors.New("a newer build wrote what this build does not understand: start this member with the build that the other members run")

// A Raise takes the cluster to its next level. The leader writes it into the log when
// every member understands that level.
type Raise struct {
	Level uint64 `json:"level"`
}

// Level is the feature level of the cluster: all members understand, and may write,
// what belongs to it. It never goes down. 0 is that of clusters that no build with
// levels leads.
func (r *Registry) Level() uint64 { return r.level }

// Raise returns the registry at a level. One that is not above that of r changes
// nothing.
func (r *Registry) Raise(level uint64) *Registry {
	if level <= r.level {
		return r
	}
	next := r.clone()
	next.level = level
	return next
}

// CheckLevel is ErrNewer if the cluster is at a level above what a member
// understands.
func (r *Registry) CheckLevel(understood uint64) error {
	if r.level <= understood {
		return nil
	}
	return fmt.Errorf("the cluster is at feature level %d, and this build understands %d: %w", r.level, understood, ErrNewer)
}

// Decode reads JSON of the log or of a snapshot into v. Well-formed JSON with a
// field that v lacks is ErrNewer: a member that ignored the field would diverge
// from the others.
func Decode(text []byte, v any) error {
	if err := json.Unmarshal(text, v); err != nil {
		return err
	}
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", err, ErrNewer)
	}
	return nil
}
