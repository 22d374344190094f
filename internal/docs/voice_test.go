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
			finds:    regexp.MustCompile(`(?:^|[.!?:] )(?:Who|What|Whatever)\b|; (?:who|what|whatever)\b|\b(?i:whoever|(?:no|some|any|every)body)\b`),
			harmless: regexp.MustCompile(`(?:^|[.!?:] )(?:Who|What|Whatever)\b[^.:]*\?`),
		},
		{
			name:     "behind, of what comes after",
			finds:    regexp.MustCompile(`\bbehind\b`),
			harmless: regexp.MustCompile(`\bbench-behind\b|\b(?:is|are|was|were|be|being|been|far|farther|further|falls?|fell|fallen|left|leaves?|stays?|stayed|lags?|lagging|bytes|entries|index|little|remains?|runs?|come|comes|gets?|got|or|and|not|too|members?|followers?|one) behind\b`),
		},
		{
			name:     "is no, for is not a",
			finds:    regexp.MustCompile(`\b(?:is|are|was|were) (?:no|none)\b`),
			harmless: regexp.MustCompile(`\b[Tt]here (?:is|are|was|were) (?:no|none)\b|\b(?:is|are|was|were) no (?:longer|more|less|fewer|larger|other|good|matter|better|worse|lower|greater|faster|slower|older|later|earlier)\b`),
		},
	}
}

// Comments have few of the habits that make them hard to read: those of every folder,
// tests included.
func TestTheVoiceOfComments(t *testing.T) {
	heard := voices{}
	walk(t, ".go", func(file string, text []byte) {
		if generated.Match(text) {
			return
		}
		n, faults := faultsOfFile(t, file, text)
		heard.add(path.Dir(file), n, faults)
	})
	heard.judge(t, 15000)
}

// So have the comments of messages and of configurations, each file.
func TestTheVoiceOfMessagesAndConfigurations(t *testing.T) {
	heard := voices{}
	for suffix, mark := range map[string]string{".proto": "//", ".yaml": "#", "Makefile": "#"} {
		walk(t, suffix, func(file string, text []byte) {
			for _, p := range marked(string(text), mark) {
				heard.add(file, p.lines, faultsOf(p.text))
			}
		})
	}
	heard.judge(t, 500)
}

// marked are the comments in a text: runs of lines that begin with the mark, and the
// ends of lines after one.
func marked(text, mark string) (all []paragraph) {
	var run []string
	end := func() {
		if len(run) > 0 {
			all = append(all, paragraph{len(run), strings.Join(run, " ")})
		}
		run = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if prose, ok := strings.CutPrefix(line, mark); ok {
			run = append(run, strings.TrimSpace(prose))
			continue
		}
		end()
		if _, prose, ok := strings.Cut(line, " "+mark+" "); ok {
			all = append(all, paragraph{1, prose})
		}
	}
	end()
	return all
}

// So have documents, each of them. Headings and the heads of tables are not
// sentences.
func TestTheVoiceOfDocuments(t *testing.T) {
	heard := voices{}
	for _, d := range documents(t) {
		for _, p := range paragraphs(d) {
			heard.add(d.path, p.lines, faultsOf(p.text))
		}
	}
	heard.judge(t, 3000)
}

// voices are what was read in a place: how many lines, and the faults in them.
type voices map[string]*voice

type voice struct {
	lines int
	found []string
}

func (v voices) add(place string, lines int, faults []fault) {
	if v[place] == nil {
		v[place] = &voice{}
	}
	v[place].lines += lines
	for _, f := range faults {
		v[place].found = append(v[place].found, f.String())
	}
}

// judge fails for each place that has too many faults for its lines, and if there
// are not at least so many lines in all.
func (v voices) judge(t *testing.T, least int) {
	t.Helper()
	all := 0
	for place, h := range v {
		all += h.lines
		if rate := 1000 * float64(len(h.found)) / float64(h.lines); rate >= mostPerThousand {
			t.Errorf("%s: %.1f per 1,000 in %d lines:\n\t%s", place, rate, h.lines, strings.Join(h.found, "\n\t"))
		}
	}
	if all < least {
		t.Errorf("only %d lines were read", all)
	}
}

// A paragraph is a run of lines, or one item of a list, or one cell of a table.
// Code in it is blanked.
type paragraph struct {
	lines int
	text  string
}

func paragraphs(d document) (all []paragraph) {
	opens := regexp.MustCompile(`^\s*(?:[-*|]|\d+\.)`)
	var run []string
	end := func() {
		if text := strings.Join(run, " "); text != "" {
			all = append(all, paragraph{len(run), span.ReplaceAllStringFunc(text, blank)})
		}
		run = nil
	}
	for i, line := range d.lines {
		line = strings.TrimSpace(line)
		switch isHead := i+1 < len(d.lines) && strings.HasPrefix(d.lines[i+1], "|--"); {
		case line == "" || strings.HasPrefix(line, "#") || isHead:
			end()
		case strings.HasPrefix(line, "|"):
			end()
			for _, cell := range cellsOf(line) {
				run = []string{strings.TrimSpace(cell)}
				end()
			}
		default:
			if opens.MatchString(line) {
				end()
				line = opens.ReplaceAllString(line, "")
			}
			run = append(run, strings.TrimSpace(line))
		}
	}
	end()
	return all
}

func blank(s string) string { return strings.Repeat("_", len(s)) }

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
		"close waits. Who was not spoken to owes no answer.":      1,
		"It is taken by whoever comes, or by nobody.":             2,
		"What is left is dropped. Whatever comes is read.":        2,
		"It never waits; what does not fit is told to everybody.": 2,
		"skip moves behind the record.":                           1,
		"A token is no flag, and these are none.":                 2,

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
		text := h.harmless.ReplaceAllStringFunc(comment, blank)
		for _, at := range h.finds.FindAllStringIndex(text, -1) {
			around := comment[max(0, at[0]-30):min(len(comment), at[1]+30)]
			all = append(all, fault{habit: h.name, around: strings.ToValidUTF8(around, "")})
		}
	}
	return all
}

// generated matches a file that says that it is generated.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
