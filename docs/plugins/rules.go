// Package protocol has the pages of the plugin protocol, so that a program can show the rule
// that a plugin breaks.
package protocol

import (
	"embed"
	"path"
	"strings"
)

//go:embed protocol*.md
var pages embed.FS

// Rule returns the text of a rule, such as "P-3", of a page, such as
// "docs/plugins/protocol.md"; empty if the page has no such rule. The text is Markdown
// without line ends.
func Rule(page, number string) string {
	text, err := pages.ReadFile(path.Base(page))
	if err != nil {
		return ""
	}
	_, rest, found := strings.Cut(string(text), "\n- **"+number+"** ")
	if !found {
		return ""
	}
	var rule []string
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if line == "" || len(rule) > 0 && (strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "#")) {
			break
		}
		rule = append(rule, line)
	}
	return strings.Join(rule, " ")
}
