// Package sectionschema judges the config section of a plugin by the JSON Schema that the
// plugin announces. The schema is the word of a plugin: nothing that it names is fetched.
package sectionschema

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/internal/onedocument"
)

// ErrNoSchema says that a plugin announces something that is not a JSON Schema. No section
// can be judged by it.
var ErrNoSchema = errors.New("not a JSON Schema")

// A schema is what a plugin says of its section.
type schema struct{ compiled *jsonschema.Schema }

// A Fault is one thing in a section that its schema does not allow.
type Fault struct {
	// Line of the section's text, from 1.
	Line int
	// Key is the path of names and positions to the value, as in a.b[1]; empty for the section.
	Key string
	// Text says what is wrong.
	Text string
}

// at is the name by which the compiler knows the schema.
const at = "section.json"

// read returns the schema of an announcement, plugins.Info.ConfigSchema. Its error is
// ErrNoSchema.
func read(text []byte) (*schema, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSchema, err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	if err := c.AddResource(at, value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSchema, err)
	}
	compiled, err := c.Compile(at)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSchema, err)
	}
	return &schema{compiled}, nil
}

// nothing is a loader that fetches no schema: neither files nor addresses.
type nothing struct{}

// Load implements jsonschema.URLLoader.
func (nothing) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is not part of it, and is not fetched", url)
}

// faults judges a section, the YAML document of plugins.Options.Config, and returns what
// the schema does not allow, in the order of the lines. The error is of a text that is not
// one YAML document.
func (s *schema) faults(section []byte) ([]Fault, error) {
	var doc yaml.Node
	if _, err := onedocument.Decode(section, &doc); err != nil {
		return nil, err
	}
	root := &yaml.Node{Kind: yaml.MappingNode, Line: 1} // an empty section has no keys
	if len(doc.Content) > 0 && doc.Content[0].ShortTag() != "!!null" {
		root = doc.Content[0]
	}
	content, err := value(root)
	if err != nil {
		return nil, err
	}
	var invalid *jsonschema.ValidationError
	switch err := s.compiled.Validate(content); {
	case err == nil:
		return nil, nil
	case !errors.As(err, &invalid):
		return nil, err
	}
	all := leaves(root, invalid)
	slices.SortStableFunc(all, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return slices.Compact(all), nil
}

// leaves are the faults at the ends of a tree of reasons: what stands above them says only that
// something below is wrong. Of alternatives none need be the one that was meant, so they
// are one fault.
func leaves(root *yaml.Node, e *jsonschema.ValidationError) (all []Fault) {
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			n, key := place(root, append(slices.Clone(e.InstanceLocation), name))
			all = append(all, Fault{n.Line, key, "there is no such key"})
		}
		return all
	case *kind.AnyOf, *kind.OneOf:
		var ways []string
		for _, cause := range e.Causes {
			for _, f := range leaves(root, cause) {
				ways = append(ways, f.Text)
			}
		}
		if len(ways) > 0 {
			return []Fault{fault(root, e, strings.Join(slices.Compact(ways), ", or "))}
		}
	}
	for _, cause := range e.Causes {
		all = append(all, leaves(root, cause)...)
	}
	if len(e.Causes) == 0 {
		all = append(all, fault(root, e, says(e.ErrorKind)))
	}
	return all
}

// says is the text of a reason. Numbers are written as YAML takes them, which the library
// does not do: it has them in groups.
func says(reason jsonschema.ErrorKind) string {
	switch k := reason.(type) {
	case *kind.Minimum:
		return fmt.Sprintf("got %s, want at least %s", k.Got.RatString(), k.Want.RatString())
	case *kind.Maximum:
		return fmt.Sprintf("got %s, want at most %s", k.Got.RatString(), k.Want.RatString())
	}
	return reason.LocalizedString(message.NewPrinter(language.English))
}

func fault(root *yaml.Node, e *jsonschema.ValidationError, text string) Fault {
	n, key := place(root, e.InstanceLocation)
	return Fault{n.Line, key, text}
}
