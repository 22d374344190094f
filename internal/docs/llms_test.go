package docs

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/llms.txt anew")

// llmsHead is what a reader without the rest has to know.
const llmsHead = `# Pontoon

> A Raft host for Go: one host process runs the consensus of one cluster member, and its transport, its storage and its state machine are plugins, each in a process of its own, chosen by a YAML file and written in any language.

The pages lie beside this file. Rules of the plugin protocol are numbered (P, SM, ST, TR), and "host plugin check" names the rule that a plugin breaks. An author of a plugin begins with the tutorial, and an author of a client with the client API.
`

var pageLink = regexp.MustCompile(`\[([^]]+)\]\(([^)]+)\)`)

// docs/llms.txt has each page of docs/README.md, with what that says of it, in the form of
// llmstxt.org: a program that reads for its user finds the page by it.
func TestTheIndexForProgramsIsThatForReaders(t *testing.T) {
	want := llmsText(t)
	if *update {
		if err := os.WriteFile("../../docs/llms.txt", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("../../docs/llms.txt")
	if err != nil || string(got) != want {
		t.Errorf("docs/llms.txt is not made of docs/README.md (%v): go test ./internal/docs -run Index -update", err)
	}
	if n := strings.Count(want, "\n- ["); n < 40 {
		t.Errorf("it has %d pages only", n)
	}
}

func llmsText(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	text.WriteString(llmsHead)
	section := "Pages"
	for _, d := range documents(t) {
		if d.path != "docs/README.md" {
			continue
		}
		for _, line := range d.lines {
			cells := cellsOf(line)
			link := pageLink.FindAllStringSubmatch(cells[0], -1)
			switch {
			case strings.HasPrefix(line, "Formats"):
				section = "Formats"
			case !strings.HasPrefix(line, "|"), len(link) == 0:
				continue
			default:
				if section != "" {
					fmt.Fprintf(&text, "\n## %s\n\n", section)
					section = ""
				}
				for _, l := range link {
					fmt.Fprintf(&text, "- [%s](%s): %s\n", strings.TrimSuffix(strings.TrimPrefix(l[2], "../"), ".md"), l[2], llmsSays(cells))
				}
			}
		}
	}
	return text.String()
}

// llmsSays is what a row says of its page: for whom it is, if that is there, and what is
// in it.
func llmsSays(cells []string) string {
	says := cells[len(cells)-1]
	if len(cells) > 2 {
		says += " (for " + cells[1] + ")"
	}
	return says
}
