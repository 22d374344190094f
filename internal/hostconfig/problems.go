package hostconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrInvalid is matched by every error of Load and Validate that is about
// what the configuration says, rather than about reading it.
var ErrInvalid = errors.New("invalid configuration")

// A Problem is one thing wrong with the configuration.
type Problem struct {
	// Place is where to correct it: a file and line, a variable, a flag;
	// empty if the value was never written down.
	Place string
	// Key is the setting; empty if the problem is not about one.
	Key string
	// Text says what is wrong and what to write instead.
	Text string
	line int
}

// String returns the problem as one line.
func (p Problem) String() string {
	parts := []string{p.Text}
	if p.Key != "" {
		parts = []string{p.Key, p.Text}
	}
	if p.Place != "" {
		parts = append([]string{p.Place}, parts...)
	}
	return strings.Join(parts, ": ")
}

// An InvalidError holds everything wrong with a configuration, in the order
// of the file. errors.Is sees ErrInvalid.
type InvalidError struct{ Problems []Problem }

// Error returns one line for each problem.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Is reports whether target is ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// maxProblems bounds how many problems are reported at once.
const maxProblems = 50

// problems collects what is wrong, so that one run shows it all.
type problems struct{ list []Problem }

func (ps *problems) add(p Problem) {
	if len(ps.list) < maxProblems {
		ps.list = append(ps.list, p)
	}
}

// about adds a problem with a key; its place is found later.
func (ps *problems) about(key, format string, args ...any) {
	ps.add(Problem{Key: key, Text: fmt.Sprintf(format, args...)})
}

// err returns the problems as an error, or nil if there are none.
func (ps *problems) err() error {
	if len(ps.list) == 0 {
		return nil
	}
	slices.SortStableFunc(ps.list, func(a, b Problem) int { return a.line - b.line })
	return &InvalidError{Problems: ps.list}
}
