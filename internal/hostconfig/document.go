package hostconfig

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/internal/onedocument"
)

// maxFileBytes bounds a configuration file.
const maxFileBytes = 1 << 20

// A document is what one file says.
type document struct {
	path string
	// source is the file's content and root what it was parsed to.
	source []byte
	root   *yaml.Node
	// scalars are the texts of the settings that the file has, by key.
	scalars map[string]string
	// whole are the nodes of the keys that only the file can set.
	whole map[string]*yaml.Node
	// lines says where each key is.
	lines map[string]int
	problems
}

// parseDocument parses the file's content; read checks it against the schema. The
// error has the problems of a file of which there is nothing to look at.
func parseDocument(path string, data []byte) (*document, error) {
	d := &document{
		path:    path,
		source:  data,
		scalars: map[string]string{},
		whole:   map[string]*yaml.Node{},
		lines:   map[string]int{},
	}
	root, err := parse(data)
	if err != nil {
		return nil, d.syntax(err)
	}
	if root == nil {
		d.at(1, "the file holds no configuration; it needs at least node.id, cluster.id and cluster.members")
		return nil, d.err()
	}
	d.root = root
	return d, nil
}

// read gathers the values of the schema's keys, and problems with all others.
func (d *document) read(s schema) {
	if d.plain(d.root) {
		d.section(d.root, "", s)
	}
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	return data, nil
}

// errSecondDocument: the file goes on after its first document.
var errSecondDocument = errors.New("a second YAML document (---) begins; a host has one")

// parse returns the content of the only document in data, or nil if there is
// none.
func parse(data []byte) (*yaml.Node, error) {
	var doc yaml.Node
	var second *onedocument.SecondError
	switch _, err := onedocument.Decode(data, &doc); {
	case errors.As(err, &second):
		return nil, fmt.Errorf("line %d: %w", second.Line, errSecondDocument)
	case err != nil:
		return nil, err
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, nil
	}
	return doc.Content[0], nil
}

// syntax turns an error of the YAML parser into a problem with its line.
func (d *document) syntax(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
	}
	d.at(line, "not YAML: %s", text)
	return d.err()
}

// at adds a problem at a line of the file.
func (d *document) at(line int, format string, args ...any) {
	d.add(Problem{Place: d.place(line), Text: fmt.Sprintf(format, args...), line: line})
}

func (d *document) place(line int) string { return d.path + ":" + strconv.Itoa(line) }

// plain refuses anchors, aliases and repeated keys anywhere below n: a value
// stands where it is read, once.
func (d *document) plain(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		d.at(n.Line, "alias *%s is not supported; write the value out", n.Value)
		return false
	case n.Anchor != "":
		d.at(n.Line, "anchor &%s is not supported; write the value out where it is used", n.Anchor)
		return false
	}
	ok := true
	if n.Kind == yaml.MappingNode {
		ok = d.distinct(n)
	}
	for _, child := range n.Content {
		ok = d.plain(child) && ok
	}
	return ok
}

// distinct refuses keys of one mapping that are the same.
func (d *document) distinct(n *yaml.Node) bool {
	ok, seen := true, map[string]int{}
	for key := range pairs(n) {
		if key.Kind != yaml.ScalarNode {
			continue
		}
		if first, repeated := seen[key.Value]; repeated {
			d.at(key.Line, "key %q is repeated; it is on line %d already", key.Value, first)
			ok = false
			continue
		}
		seen[key.Value] = key.Line
	}
	return ok
}

// pairs yields the keys and values of a mapping.
func pairs(n *yaml.Node) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// section reads a mapping of the schema.
func (d *document) section(n *yaml.Node, name string, s schema) {
	if isNull(n) {
		return // a section whose keys are all commented out
	}
	if n.Kind != yaml.MappingNode {
		d.at(n.Line, "%s is %s; it must be a section of keys", orFile(name), describe(n))
		return
	}
	names := map[string]int{}
	for key, content := range pairs(n) {
		if first, repeated := names[strings.ToLower(key.Value)]; repeated {
			d.at(key.Line, "key %q differs only by case from the one on line %d", key.Value, first)
			continue
		}
		names[strings.ToLower(key.Value)] = key.Line
		d.entry(key, content, name, s)
	}
}

// entry reads one key of a section and what it holds.
func (d *document) entry(key, content *yaml.Node, section string, s schema) {
	if key.Kind != yaml.ScalarNode {
		d.at(key.Line, "a key in %s is %s; keys are words", orFile(section), describe(key))
		return
	}
	full := join(section, key.Value)
	d.lines[full] = key.Line
	x, isSetting := s.settings[full]
	switch {
	case strings.Contains(key.Value, "."):
		d.at(key.Line, "unknown key %q in %s; write sections as nested keys", key.Value, orFile(section))
	case full == transportKey && slices.Contains(s.whole, full):
		d.transportList(content, s)
	case slices.Contains(s.sections, full):
		d.section(content, full, s)
	case slices.Contains(s.whole, full):
		d.whole[full] = content
	case isSetting:
		d.scalar(content, x)
	default:
		d.at(key.Line, "unknown key %q in %s%s", key.Value, orFile(section), s.hint(section, key.Value))
	}
}

// hint says what may have been meant by an unknown name in a section.
func (s schema) hint(section, name string) string {
	if near := suggest(name, s.children(section)); near != "" {
		return didYouMean(near)
	}
	for _, k := range s.keys() {
		if strings.HasSuffix(k, "."+name) && !strings.HasPrefix(k, "plugins.") {
			return didYouMean(k)
		}
	}
	if slices.Contains(s.whole, section+".config") {
		return `; the plugin's own keys belong below "config"`
	}
	return "; known are " + strings.Join(s.children(section), ", ")
}

// scalar reads the value of a setting.
func (d *document) scalar(n *yaml.Node, x setting) {
	switch {
	case isNull(n):
		d.at(n.Line, "%s has no value; give it one or delete the line", x.key)
	case n.Kind == yaml.ScalarNode:
		d.scalars[x.key] = n.Value
	case n.Kind == yaml.SequenceNode && x.list:
		items := d.texts(n, x.key)
		d.scalars[x.key] = strings.Join(items, ",")
	default:
		d.at(n.Line, "%s is %s; it must be one value", x.key, describe(n))
	}
}

// texts reads a list of single values.
func (d *document) texts(n *yaml.Node, key string) []string {
	if n.Kind != yaml.SequenceNode {
		d.at(n.Line, "%s is %s; it must be a list", key, describe(n))
		return nil
	}
	var items []string
	for i, item := range n.Content {
		if item.Kind != yaml.ScalarNode || isNull(item) {
			d.at(item.Line, "%s[%d] is %s; it must be one value", key, i, describe(item))
			continue
		}
		items = append(items, item.Value)
	}
	return items
}

// describe names what a node is, for people.
func describe(n *yaml.Node) string {
	switch {
	case isNull(n):
		return "empty"
	case n.Kind == yaml.MappingNode:
		return "a section"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	default:
		return fmt.Sprintf("the value %q", n.Value)
	}
}

// orFile names a section; the top one is the file itself.
func orFile(section string) string { return cmp.Or(section, "the file") }
