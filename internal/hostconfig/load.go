package hostconfig

import (
	"errors"
	"fmt"

	"github.com/spf13/viper"
)

// Load reads the configuration of a host from the file at path, the
// environment (as os.Environ returns it) and flags, which hold texts by key,
// for example "raft.tick". The result is complete and checked.
//
// An error that matches ErrInvalid lists everything wrong, each with its place.
func Load(path string, flags map[string]string, environ []string) (*Config, *Origins, error) {
	data, err := readLimited(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	return load(path, data, flags, environ)
}

// load is Load of a file that has been read.
func load(path string, data []byte, flags map[string]string, environ []string) (*Config, *Origins, error) {
	doc, err := parseDocument(path, data)
	if err != nil {
		return nil, nil, err
	}
	c := newConfig()
	c.shape(doc.root)
	s := newSchema(c)
	doc.read(s)
	checkFlags(flags, s, &doc.problems)
	env, ignored := readEnvironment(environ, s, &doc.problems)
	doc.readWhole(c)

	merged, origins := doc.merge(s, env, flags)
	o := &Origins{byKey: origins, ignored: ignored}
	for key, x := range s.settings {
		if o.Of(key).Source == SourceDefault {
			continue
		}
		if err := x.value.Set(merged.GetString(key)); err != nil {
			doc.add(Problem{Place: o.Of(key).Place, Key: key, Text: err.Error(), line: doc.lineOf(key, o)})
		}
	}
	if err := doc.err(); err != nil {
		return nil, nil, err // checking half a configuration would only confuse
	}
	var found problems
	c.handOut(o, &found)
	if err := doc.locate(found.err(), o); err != nil {
		return nil, nil, err
	}
	c.complete(o)
	if err := doc.locate(c.Validate(), o); err != nil {
		return nil, nil, err
	}
	c.Host = c.Host.WithDefaults() // a zero that is not out of bounds stands for the default
	o.list(c)
	c.sortPeerURLs()
	return c, o, nil
}

// merge lays the sources over each other, the later ones above, and returns with the
// values the source of each. A key that none of them has keeps its default. Only texts
// of known settings get here, so viper's habits with the case of keys and with maps
// touch nothing.
func (d *document) merge(s schema, env, flags map[string]string) (*viper.Viper, map[string]Origin) {
	v, origins := viper.New(), map[string]Origin{}
	for key, line := range d.lines {
		if _, isSetting := s.settings[key]; !isSetting {
			origins[key] = Origin{SourceFile, d.place(line)}
		}
	}
	for _, from := range []struct {
		source Source
		texts  map[string]string
		place  func(key string) string
	}{
		{SourceFile, d.scalars, func(key string) string { return d.place(d.lines[key]) }},
		{SourceEnvironment, env, variable},
		{SourceFlag, flags, flagName},
	} {
		for key, text := range from.texts {
			if _, known := s.settings[key]; known {
				v.Set(key, text)
				origins[key] = Origin{from.source, from.place(key)}
			}
		}
	}
	return v, origins
}

// lineOf orders the problems of a key: those of the file by line, others last.
func (d *document) lineOf(key string, o *Origins) int {
	if o.Of(key).Source == SourceFile {
		return d.lines[key]
	}
	return maxFileBytes
}

// locate gives the problems that Validate found their places.
func (d *document) locate(err error, o *Origins) error {
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	for _, p := range invalid.Problems {
		p.Place, p.line = d.whereabouts(p.Key, o)
		d.add(p)
	}
	return d.err()
}

// whereabouts says where a key is set; if nowhere, where it would be.
func (d *document) whereabouts(key string, o *Origins) (string, int) {
	if origin := o.Of(key); origin.Source != SourceDefault {
		return origin.Place, d.lineOf(key, o)
	}
	for at := key; at != ""; at = parent(at) {
		if line, ok := d.lines[at]; ok {
			return d.place(line), line
		}
	}
	return d.path, 0
}
