package hostconfig

import (
	"errors"
	"fmt"
	"maps"
	"strings"

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
	c := &Config{}
	c.Plugins.shape(data)
	s := newSchema(c)
	doc, err := readDocument(path, data, s)
	if err != nil {
		return nil, nil, err
	}
	checkFlags(flags, s, &doc.problems)
	env, ignored := readEnvironment(environ, s, &doc.problems)
	doc.readWhole(c)

	o := &Origins{byKey: doc.origins(s, env, flags), ignored: ignored}
	merged, err := merge(s, doc.scalars, env, flags)
	if err != nil {
		return nil, nil, err
	}
	for key, x := range s.settings {
		if x.def == "" && o.Of(key).Source == SourceDefault {
			continue // see complete
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
	o.list(c)
	return c, o, nil
}

// merge lays the sources over each other. Only texts of known settings get
// here, so viper's habits with the case of keys and with maps touch nothing.
func merge(s schema, file, env, flags map[string]string) (*viper.Viper, error) {
	v := viper.New()
	for key, x := range s.settings {
		v.SetDefault(key, x.def)
	}
	for _, layer := range []map[string]string{file, env} {
		if err := v.MergeConfigMap(nested(layer)); err != nil {
			return nil, fmt.Errorf("merge configuration: %w", err)
		}
	}
	for key, text := range flags {
		v.Set(key, text)
	}
	return v, nil
}

// nested turns keys with dots into maps of maps, as viper wants them.
func nested(flat map[string]string) map[string]any {
	root := map[string]any{}
	for key, text := range flat {
		names := strings.Split(key, ".")
		at := root
		for _, name := range names[:len(names)-1] {
			if at[name] == nil {
				at[name] = map[string]any{}
			}
			at = at[name].(map[string]any) // keys never name both a section and a setting
		}
		at[names[len(names)-1]] = text
	}
	return root
}

// origins says where each key gets its value, in the same order as merge.
func (d *document) origins(s schema, env, flags map[string]string) map[string]Origin {
	origins := map[string]Origin{}
	for key, line := range d.lines {
		origins[key] = Origin{SourceFile, d.place(line)}
	}
	for key := range env {
		origins[key] = Origin{SourceEnvironment, variable(key)}
	}
	for key := range flags {
		origins[key] = Origin{SourceFlag, flagName(key)}
	}
	maps.DeleteFunc(origins, func(key string, o Origin) bool {
		_, written := d.scalars[key]
		_, isSetting := s.settings[key]
		return isSetting && o.Source == SourceFile && !written
	})
	return origins
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
