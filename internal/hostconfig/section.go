package hostconfig

import (
	"bytes"
	"slices"

	"go.yaml.in/yaml/v3"
)

// raw returns a plugin's own section as a YAML document of its own, on the
// lines on which the file has it.
func (d *document) raw(n *yaml.Node, key string) []byte {
	if isNull(n) {
		return nil
	}
	if text := d.verbatim(n); means(text, n) {
		return text
	}
	// Something else is on the section's lines. Then the text is ours, and
	// only its first line is where the file has it.
	text, err := yaml.Marshal(n)
	if err != nil {
		d.at(n.Line, "%s cannot be handed on: %v", key, err)
		return nil
	}
	return append(bytes.Repeat([]byte{'\n'}, n.Line-1), text...)
}

// verbatim cuts the section out of the file: the text before it becomes blank,
// and that of the next node is left out.
func (d *document) verbatim(n *yaml.Node) []byte {
	lines := bytes.SplitAfter(d.source, []byte{'\n'})
	end := min(d.lineAfter(n), len(lines)+1)
	if n.Line < 1 || end <= n.Line || n.Column < 1 || n.Column > len(lines[n.Line-1]) {
		return nil
	}
	text := bytes.Repeat([]byte{'\n'}, n.Line-1)
	text = append(text, bytes.Repeat([]byte{' '}, n.Column-1)...)
	text = append(text, lines[n.Line-1][n.Column-1:]...)
	return append(text, bytes.Join(lines[n.Line:end-1], nil)...)
}

// lineAfter is the line of the node that follows n and all that is in it; one
// past any line of the file if there is none.
func (d *document) lineAfter(n *yaml.Node) int {
	passed := false
	line := len(d.source) + 2
	var walk func(x *yaml.Node) bool
	walk = func(x *yaml.Node) bool {
		if passed {
			line = x.Line
			return false
		}
		for _, child := range x.Content {
			if !walk(child) {
				return false
			}
		}
		passed = passed || x == n
		return true
	}
	walk(d.root)
	return line
}

// means reports whether text reads as n and nothing else: the same keys, values
// and types, and none of the braces that close what n stands in.
func means(text []byte, n *yaml.Node) bool {
	content, err := parse(text)
	return err == nil && content != nil && same(content, n)
}

func same(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.ShortTag() == b.ShortTag() && a.Value == b.Value && slices.EqualFunc(a.Content, b.Content, same)
}
