package sectionschema

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is what a node means in the words of JSON: dates and the like are texts there.
func value(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := value(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			object[n.Content[i].Value] = v
		}
		return object, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			v, err := value(item)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case yaml.ScalarNode:
		return scalar(n)
	}
	return nil, fmt.Errorf("line %d: an alias is not supported; write the value out", n.Line)
}

func scalar(n *yaml.Node) (v any, err error) {
	switch n.ShortTag() {
	case "!!int", "!!float", "!!bool", "!!null":
		err = n.Decode(&v)
	default:
		return n.Value, nil
	}
	if f, ok := v.(float64); ok { // infinities and NaN are not numbers of JSON
		if _, err := json.Marshal(f); err != nil {
			return n.Value, nil
		}
	}
	return v, err
}

// place finds the node at a path of names and positions, or the last one on the way to it,
// and writes the path as a reader would.
func place(n *yaml.Node, path []string) (*yaml.Node, string) {
	var key strings.Builder
	for _, step := range path {
		if n.Kind == yaml.SequenceNode {
			fmt.Fprintf(&key, "[%s]", step)
			if i, err := strconv.Atoi(step); err == nil && i < len(n.Content) {
				n = n.Content[i]
			}
			continue
		}
		if key.Len() > 0 {
			key.WriteByte('.')
		}
		key.WriteString(step)
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				line := n.Content[i].Line
				if n = n.Content[i+1]; n.Kind != yaml.SequenceNode && n.Kind != yaml.MappingNode {
					n = &yaml.Node{Kind: n.Kind, Value: n.Value, Line: line}
				}
				break
			}
		}
	}
	return n, key.String()
}
