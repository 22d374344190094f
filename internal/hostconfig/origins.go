package hostconfig

import "strings"

// Source is the kind of place that a value comes from.
type Source string

// The sources, in the order in which they win.
const (
	SourceFlag        Source = "flag"
	SourceEnvironment Source = "environment"
	SourceFile        Source = "file"
	SourceDefault     Source = "default"
)

// Origin is where a value comes from.
type Origin struct {
	Source Source
	// Place is the flag, the variable, or the file and line. For a default it
	// is empty, or says what the default was derived from.
	Place string
}

// String returns the source and the place.
func (o Origin) String() string {
	if o.Place == "" {
		return string(o.Source)
	}
	return string(o.Source) + " " + o.Place
}

// Entry is one line of a configuration as Load understood it.
type Entry struct {
	Key, Value string
	Origin     Origin
}

// Origins says where each value of a configuration comes from. It is
// immutable.
type Origins struct {
	entries []Entry
	byKey   map[string]Origin
	ignored []string
}

// Of returns the origin of a key; the default one for an unknown key.
func (o *Origins) Of(key string) Origin {
	if origin, ok := o.byKey[key]; ok {
		return origin
	}
	return Origin{Source: SourceDefault}
}

// Problems is the error of problems with settings that were found elsewhere: each
// gets the place of its key, or of the section that would have it. It is nil without any.
func (o *Origins) Problems(found []Problem) error {
	var all problems
	for _, p := range found {
		for at := p.Key; at != "" && p.Place == ""; at = parent(at) {
			p.Place = o.Of(at).Place
		}
		all.add(p)
	}
	return all.err()
}

// Entries lists all values in the order of the documentation. The caller owns
// the slice.
func (o *Origins) Entries() []Entry { return append([]Entry(nil), o.entries...) }

// Ignored lists the variables of the environment that begin with PONTOON_ and
// name nothing that a host or its clients know, in order. They have no effect.
func (o *Origins) Ignored() []string { return append([]string(nil), o.ignored...) }

// list fills in the entries from a complete configuration.
func (o *Origins) list(c *Config) {
	for _, s := range settings(c) {
		o.entries = append(o.entries, Entry{s.key, s.value.String(), o.Of(s.key)})
		switch s.key {
		case "cluster.state":
			o.listMembers(c)
		case "api.access.insecure_tokens":
			o.listAccess(c.Host.Access)
		}
	}
	for _, p := range allPlugins(c) {
		for _, e := range []Entry{
			{Key: p.key + ".command", Value: strings.Join(p.plugin.Command, " ")},
			{Key: p.key + ".env", Value: strings.Join(p.plugin.Env, " ")},
			{Key: p.key + ".config", Value: strings.TrimSpace(string(p.plugin.Config))},
		} {
			e.Origin = o.Of(e.Key)
			o.entries = append(o.entries, e)
		}
	}
}

func (o *Origins) listMembers(c *Config) {
	for i, m := range c.Host.Members {
		key := memberKey(i, "")
		text := formatID(m.ID) + " " + m.Name + " " + strings.Join(m.PeerURLs, ",") + " " + m.ClientAddress
		o.entries = append(o.entries, Entry{key, text, o.Of(key)})
	}
}
