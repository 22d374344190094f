package judge

import (
	"fmt"
	"strings"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// Rule is what a violation violates.
type Rule string

// The rules.
const (
	// Linearizable: there is an order that explains all answers about a key.
	Linearizable Rule = "linearizable"
	// Undecided: the search for such an order took too long.
	Undecided Rule = "undecided"
	// WithoutEffect: a write that was not applied is never seen.
	WithoutEffect Rule = "not applied, no effect"
	// Known: each value that is seen was written, to that key, by a write that
	// had begun.
	Known Rule = "seen, so written"
	// Unique: a write has one revision and a revision one write.
	Unique Rule = "one revision, one write"
	// Ordered: revisions grow along the log, and the log along time.
	Ordered Rule = "revisions in the order of the log"
	// Fresh: a read has all writes up to the applied index that it names, and a
	// linearizable one names no index before a write that was acknowledged by then.
	Fresh Rule = "as fresh as it says"
)

// A Violation is one thing in a history that must not be.
type Violation struct {
	Rule Rule
	Key  string
	Text string
}

// String is the violation for people.
func (v Violation) String() string { return fmt.Sprintf("%s: key %s: %s", v.Rule, v.Key, v.Text) }

// maxViolations bounds what is told: one fault of the cluster shows in thousands
// of operations.
const maxViolations = 100

// A Verdict is all that is wrong with a history.
type Verdict struct {
	Violations []Violation
	// More is how many violations were found beyond those.
	More int
	// Keys and Checked are how many keys there are, and how many operations were put
	// into an order.
	Keys, Checked int
}

// Count is how many violations there are.
func (v *Verdict) Count() int { return len(v.Violations) + v.More }

// String is the verdict for people.
func (v *Verdict) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d violations; %d keys, %d operations in an order\n", v.Count(), v.Keys, v.Checked)
	for _, violation := range v.Violations {
		fmt.Fprintf(&text, "  %s\n", violation)
	}
	if v.More > 0 {
		fmt.Fprintf(&text, "  and %d more\n", v.More)
	}
	return text.String()
}

func (v *Verdict) add(rule Rule, key, format string, args ...any) {
	if len(v.Violations) >= maxViolations {
		v.More++
		return
	}
	v.Violations = append(v.Violations, Violation{Rule: rule, Key: key, Text: fmt.Sprintf(format, args...)})
}

// Check judges a history.
func Check(operations []history.Operation) *Verdict {
	v := &Verdict{}
	w := collect(operations, v)
	w.checkSeen(v)
	w.checkOrder(v)
	w.checkPlaces(v)
	w.checkFreshness(v)
	w.checkIndexes(v)
	checkKeys(w.byKey(), v)
	return v
}

// tell is an operation in a message.
func tell(o *history.Operation) string {
	did := fmt.Sprintf("%s %s", o.Kind, o.Value)
	if o.Kind == history.Read {
		did = "linearizable read"
		if o.Stale {
			did = "stale read"
		}
	}
	return fmt.Sprintf("client %d at %s: %s, [%d, %d] ms, %s", o.Client, o.Member, did, o.Began/1e6, o.Ended/1e6, o.Outcome)
}
