package docs

import (
	"fmt"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"strings"
	"testing"
)

// mostPerThousand is how many of these habits are too many in a thousand lines of
// comments. The repositories that this one is compared with have less than one.
const mostPerThousand = 2

// A habit makes a reader guess.
type habit struct {
	name  string
	finds *regexp.Regexp
	// harmless is taken out before.
	harmless *regexp.Regexp
}

func habits() []habit {
	return []habit{
		{
			name:     "a sentence whose subject is not a thing with a name",
			finds:    regexp.MustCompile(`(?:^|[.!?:] )(?:Who|What|Whatever)\b|\b(?i:whoever|nobody|somebody)\b`),
			harmless: regexp.MustCompile(`(?:^|[.!?:] )(?:Who|What|Whatever)\b[^.:]*\?`),
		},
		{
			name:     "behind, of what comes after",
			finds:    regexp.MustCompile(`\bbehind\b`),
			harmless: regexp.MustCompile(`\b(?:is|are|was|were|be|being|been|far|farther|further|falls?|fell|fallen|left|leaves?|stays?|stayed|lags?|lagging|bytes|entries|index|little|remains?|runs?|come|comes|gets?|got|or|and|not|too|members?|followers?|one) behind\b`),
		},
		{
			name:     "is no, for is not a",
			finds:    regexp.MustCompile(`\b(?:is|are|was|were) (?:no|none)\b`),
			harmless: regexp.MustCompile(`\b[Tt]here (?:is|are|was|were) (?:no|none)\b|\b(?:is|are|was|were) no (?:longer|more|less|fewer|larger|other|good|matter|better|worse|lower|greater|faster|slower|older|later|earlier)\b`),
		},
	}
}

// Comments have few of the habits that make them hard to read, in every folder.
func TestTheVoiceOfComments(t *testing.T) {
	lines, found := map[string]int{}, map[string][]string{}
	walk(t, ".go", func(file string, text []byte) {
		if strings.HasSuffix(file, "_test.go") || generated.Match(text) {
			return
		}
		n, faults := faultsOfFile(t, file, text)
		lines[path.Dir(file)] += n
		for _, f := range faults {
			found[path.Dir(file)] = append(found[path.Dir(file)], f.String())
		}
	})
	all := 0
	for folder, n := range lines {
		all += n
		if rate := 1000 * float64(len(found[folder])) / float64(n); rate >= mostPerThousand {
			t.Errorf("%s: %.1f per 1,000 in %d lines:\n\t%s", folder, rate, n, strings.Join(found[folder], "\n\t"))
		}
	}
	if all < 10000 {
		t.Errorf("only %d lines of comments were read", all)
	}
}

func faultsOfFile(t *testing.T, file string, text []byte) (lines int, all []fault) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range f.Comments {
		prose := strings.Split(strings.TrimSuffix(g.Text(), "\n"), "\n")
		lines += len(prose)
		for _, found := range faultsOf(strings.Join(prose, " ")) {
			found.at = fset.Position(g.Pos()).String()
			all = append(all, found)
		}
	}
	return lines, all
}

// The habits are found, and what only looks like one is not.
func TestHabits(t *testing.T) {
	for comment, want := range map[string]int{
		"close waits. Who was not spoken to owes no answer.": 1,
		"It is taken by whoever comes, or by nobody.":        2,
		"What is left is dropped. Whatever comes is read.":   2,
		"skip moves behind the record.":                      1,
		"A token is no flag, and these are none.":            2,

		"What does raft want? It is told.":                              0,
		"It takes what is left and asks who leads.":                     0,
		"A follower is behind; there is no other, and it is no longer.": 0,
	} {
		if got := faultsOf(comment); len(got) != want {
			t.Errorf("%q has %v, want %d", comment, got, want)
		}
	}
}

// A fault is a habit in one place.
type fault struct{ at, habit, around string }

func (f fault) String() string { return fmt.Sprintf("%s: …%s…: %s", f.at, f.around, f.habit) }

func faultsOf(comment string) (all []fault) {
	for _, h := range habits() {
		text := h.harmless.ReplaceAllStringFunc(comment, func(s string) string { return strings.Repeat("_", len(s)) })
		for _, at := range h.finds.FindAllStringIndex(text, -1) {
			around := comment[max(0, at[0]-30):min(len(comment), at[1]+30)]
			all = append(all, fault{habit: h.name, around: strings.ToValidUTF8(around, "")})
		}
	}
	return all
}

// generated matches a file that says that it is generated.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
