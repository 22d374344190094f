//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A block of a tutorial is what a reader types, or a change of a file that a reader makes.
// The words after its fence are console or diff, a language if it is for that one alone,
// and then second, for the second terminal, or the file.
type block struct {
	line   int
	where  string // second, or a file
	text   []string
	change bool
}

// tutorialBlocks are those of a page, for one language.
func tutorialBlocks(t *testing.T, path, lang string) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var now *block
	skip := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	for at := 1; lines.Scan(); at++ {
		line := lines.Text()
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && now == nil:
			words := strings.Fields(fence)
			now, skip = &block{line: at}, false
			for _, word := range words {
				switch word {
				case "console":
				case "diff":
					now.change = true
				case "go", "python", "node":
					skip = skip || word != lang
				default:
					now.where = word
				}
			}
		case isFence:
			if !skip {
				blocks = append(blocks, *now)
			}
			now = nil
		case now != nil:
			now.text = append(now.text, line)
		}
	}
	if now != nil || len(blocks) == 0 {
		t.Fatalf("%s has %d blocks, and its last one ends: %v", path, len(blocks), now == nil)
	}
	return blocks
}

// A typed line is a command and what the page says that it prints.
type typed struct {
	command string
	prints  []string
}

// commands are those of a block of a terminal.
func (b block) commands() (all []typed) {
	for _, line := range b.text {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, typed{command: command})
		} else if line == "^C" {
			all = append(all, typed{command: line})
		} else {
			last := &all[len(all)-1]
			last.prints = append(last.prints, line)
		}
	}
	return all
}

// printed tells whether an output is what the page says: an ellipsis stands for any text,
// and one alone in its line for any lines. A page that shows no output promises none.
func (c typed) printed(out string) bool {
	if len(c.prints) == 0 {
		return true
	}
	var want strings.Builder
	for _, line := range c.prints {
		if line == "…" {
			want.WriteString(`(?:[^\n]*\n)*`)
			continue
		}
		want.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", `[^\n]*`) + `\n`)
	}
	return regexp.MustCompile(`^` + want.String() + `$`).MatchString(strings.TrimRight(out, "\n") + "\n")
}

// changed is the text of a file after the change of a block, which names one place in it.
func (b block) changed(text string) (_ string, once bool) {
	var before, after []string
	for _, line := range b.text {
		mark, rest := " ", line
		if line != "" {
			mark, rest = line[:1], line[1:]
		}
		if mark != "+" {
			before = append(before, rest)
		}
		if mark != "-" {
			after = append(after, rest)
		}
	}
	lines, places := strings.Split(text, "\n"), 0
	for i := 0; i+len(before) <= len(lines); i++ {
		if slices.Equal(lines[i:i+len(before)], before) {
			lines = slices.Replace(lines, i, i+len(before), after...)
			i += len(after) - 1
			places++
		}
	}
	return strings.Join(lines, "\n"), places == 1 && !slices.Equal(before, after)
}

// An output is compared with care: the test of the page fails when the page is wrong.
func TestAnOutputIsComparedWithThePage(t *testing.T) {
	for _, x := range []struct {
		page, out string
		want      bool
	}{
		{"10", "10", true},
		{"10", "10\n", true},
		{"10", "100", false},
		{"10", "9\n10", false},
		{"10", "", false},
		{"…\n10", "9\n8\n10", true},
		{"…\n10", "9\n8", false},
		{"a … c", "a b c", true},
		{"a … c", "a b\nc", false},
		{"a.c", "abc", false},
	} {
		if got := (typed{prints: strings.Split(x.page, "\n")}).printed(x.out); got != x.want {
			t.Errorf("page %q, output %q: %v, want %v", x.page, x.out, got, x.want)
		}
	}
	b := block{text: []string{" one", "-two", "+three"}}
	for text, want := range map[string]string{"one\ntwo\n": "one\nthree\n", "zero\none\ntwo\nfour\n": "zero\none\nthree\nfour\n", "one\nfour\n": "", "one\ntwo\none\ntwo\n": ""} {
		if got, once := b.changed(text); once != (want != "") || once && got != want {
			t.Errorf("%q becomes %q, once: %v", text, got, once)
		}
	}
}
