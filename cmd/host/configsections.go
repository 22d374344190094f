package main

import (
	"fmt"
	"strconv"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/hostconfig"
	"github.com/pontoon-raft/pontoon/internal/sectionschema"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A configuredPlugin is a plugin of a configuration, and the key of its section.
type configuredPlugin struct {
	key    string
	spec   catalog.Spec
	config []byte // on the lines on which the file has it
}

func configuredPlugins(c *hostconfig.Config) (all []configuredPlugin) {
	keys := append([]string{"plugins.storage", "plugins.statemachine"}, c.TransportKeys()...)
	sections := [][]byte{c.Host.Storage.Config, c.Host.StateMachine.Config}
	for i := range c.Host.Transports {
		sections = append(sections, c.Host.Transports[i].Config)
	}
	for i, spec := range pluginSpecs(&c.Host) {
		all = append(all, configuredPlugin{keys[i], spec, sections[i]})
	}
	if next := c.Host.NextStorage; next != nil {
		all = append(all, configuredPlugin{"plugins.storage.next", pluginSpec(plugins.Storage, next), next.Config})
	}
	return all
}

// sectionProblems judges the section of a plugin by the schema that the plugin announces,
// in the file of that path. The error says why it cannot be judged.
func sectionProblems(path string, p configuredPlugin, info plugins.Info) (all []hostconfig.Problem, err error) {
	key := p.key + ".config"
	if len(info.ConfigSchema) == 0 {
		if len(p.config) > 0 {
			all = append(all, hostconfig.Problem{Place: path, Key: key, Text: fmt.Sprintf("%s %q takes no section; delete it", info.Kind, info.Name)})
		}
		return all, nil
	}
	faults, err := sectionschema.Judge(info.ConfigSchema, p.config)
	if err != nil {
		return nil, fmt.Errorf("%s is not judged: %s %q announces a schema that is none (P-12 in docs/plugins/protocol.md): %w", key, info.Kind, info.Name, err)
	}
	for _, f := range faults {
		place, at := path+":"+strconv.Itoa(f.Line), key
		if f.Key != "" {
			at += "." + f.Key
		}
		if len(p.config) == 0 { // the section is not in the file
			place = path
		}
		all = append(all, hostconfig.Problem{Place: place, Key: at, Text: f.Text})
	}
	return all, nil
}
