package docs

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// link matches the target of an inline link. Code spans are taken out before.
var (
	link     = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	codeSpan = regexp.MustCompile("`[^`]*`")
)

// Every link to a file of the repository leads to one, and every anchor to a
// heading.
func TestLinksLeadSomewhere(t *testing.T) {
	all := documents(t)
	anchors := map[string][]string{}
	for _, d := range all {
		anchors[d.path] = headings(d)
	}
	for _, d := range all {
		for i, line := range d.lines {
			for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
				if why := dead(d.path, m[1], anchors); why != "" {
					t.Errorf("%s:%d: link to %s: %s", d.path, i+1, m[1], why)
				}
			}
		}
	}
}

// dead says why a link leads nowhere; empty if it does not, or leads out of
// the repository.
func dead(from, target string, anchors map[string][]string) string {
	u, err := url.Parse(target)
	if err != nil {
		return err.Error()
	}
	if u.Scheme != "" {
		return ""
	}
	to := from
	if u.Path != "" {
		to = path.Join(path.Dir(from), u.Path)
	}
	switch {
	case strings.HasPrefix(to, "../"):
		return "it leaves the repository"
	case !exists(to):
		return "there is no such file"
	case u.Fragment != "" && !slices.Contains(anchors[to], u.Fragment):
		return "there is no such heading"
	}
	return ""
}

// headings returns the anchors of a document, as forges make them.
func headings(d document) []string {
	var all []string
	for _, line := range d.lines {
		text := strings.TrimLeft(line, "#")
		if text == line || !strings.HasPrefix(text, " ") {
			continue
		}
		all = append(all, anchor(strings.TrimSpace(text)))
	}
	return all
}

func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}

func TestDeadLinks(t *testing.T) {
	anchors := map[string][]string{"docs/cli.md": {"exit-codes"}, "README.md": {"try-it"}}
	for _, c := range []struct{ from, target, want string }{
		{"docs/cli.md", "configuration.md", ""},
		{"docs/cli.md", "../configs", ""},
		{"docs/cli.md", "#exit-codes", ""},
		{"docs/cli.md", "../README.md#try-it", ""},
		{"docs/cli.md", "https://nowhere.example/x", ""},
		{"docs/cli.md", "#no-such", "there is no such heading"},
		{"docs/cli.md", "nowhere.md", "there is no such file"},
		{"docs/cli.md", "../../elsewhere.md", "it leaves the repository"},
	} {
		if got := dead(c.from, c.target, anchors); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.target, c.from, got, c.want)
		}
	}
	if got := anchor("## What a `host` does, and why"[3:]); got != "what-a-host-does-and-why" {
		t.Errorf("anchor %q", got)
	}
}
