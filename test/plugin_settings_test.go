//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
)

// differingInPlugins has a row for every number in the sections of shipped
// plugins: a low and a high value, around the default.
func differingInPlugins() map[string]map[string][2]int64 {
	transports := map[string][2]int64{
		"max_connections":             {16, 4096}, // of two peers, each with a few streams
		"max_connections_per_address": {16, 1024}, // the same: all are on loopback
		"max_snapshots":               {1, 64},
		"queue_bytes":                 {1 << 20, 1 << 30}, // the low one is smaller than a value that is written
		"snapshot_rate":               {64 << 10, 1 << 30},
	}
	return map[string]map[string][2]int64{
		"wal": {
			"segment_bytes":  {16 << 10, 96 << 20}, // likewise
			"reserve_bytes":  {0, 96 << 20},
			"min_free_bytes": {0, 1 << 20},
		},
		"kv": {
			"max_answer_bytes": {4 << 10, 16 << 20},
			"history_events":   {16 << 10, 1 << 20},
			"history_bytes":    {4 << 20, 256 << 20},
		},
		"http": transports,
		"quic": transports,
	}
}

// describe is what a backend says of itself.
func describe(b backend.Backend) plugins.Info {
	switch b.Kind {
	case plugins.Storage:
		return b.NewStorage(backend.Env{}).Describe()
	case plugins.Transport:
		return b.NewTransport(backend.Env{}).Describe()
	default:
		return b.NewStateMachine(backend.Env{}).Describe()
	}
}

// numbers are the keys of a plugin's section whose values are numbers.
func numbers(t *testing.T, schema []byte) (keys []string) {
	t.Helper()
	var s struct {
		Properties map[string]struct{ Type string }
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	for key, p := range s.Properties {
		if p.Type == "integer" || p.Type == "number" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// The settings of plugins may differ as those of hosts do: lowered on one member
// and raised on another, raised or lowered on all, the cluster starts and
// commits, and what was written under other settings stays readable everywhere.
func TestEveryPluginSettingMayDiffer(t *testing.T) {
	rows := differingInPlugins()
	var lines [2]map[string]string // by name: a section with all low, with all high values
	for i := range lines {
		lines[i] = map[string]string{}
	}
	for _, b := range shipped() {
		for _, key := range numbers(t, describe(b).ConfigSchema) {
			row, ok := rows[b.Name][key]
			if !ok {
				t.Fatalf("%s of %s has no row in the table of settings that may differ", key, b.Name)
			}
			for i := range lines {
				lines[i][b.Name] += fmt.Sprintf("      %s: %d\n", key, row[i])
			}
		}
	}
	for _, transport := range []string{"http", "quic"} {
		t.Run(transport, func(t *testing.T) {
			examples := map[string]string{"http": "local3", "quic": "quic3"}[transport]
			c := newClusterOf(t, examples, "n")
			for _, n := range c.nodes {
				n.settings = []string{"api.max_value_bytes=8MiB"}
			}
			low, high, none := 0, 1, -1
			large := bytes.Repeat([]byte("z"), 3_000_000)
			for i, round := range [][3]int{{high, none, low}, {low, high, high}, {low, low, low}, {none, low, high}} {
				for j, n := range c.nodes {
					sections := map[string]string{}
					if round[j] != none {
						sections = lines[round[j]]
					}
					n.sections(t, transport, sections)
				}
				c.start()
				putValue(t, c.leader(), fmt.Sprint("large", i), large)
				for range 20 {
					putValue(t, c.nodes[i%3], "small", []byte{byte(i)})
				}
				for _, n := range c.nodes {
					for before := range i + 1 {
						hasValue(t, n, fmt.Sprint("large", before), large)
					}
					hasValue(t, n, "small", []byte{byte(i)})
				}
				c.stop()
			}
		})
	}
}

// sections puts these sections of plugins, by the plugins' names, into a node's
// configuration, in place of all that it had.
func (n *node) sections(t *testing.T, transport string, by map[string]string) {
	t.Helper()
	var text strings.Builder
	section := func(name string) {
		if by[name] != "" {
			fmt.Fprintf(&text, "    config:\n%s", by[name])
		}
	}
	fmt.Fprintf(&text, "plugins:\n  transport:\n    name: %s\n    listen: %s\n", transport, n.peer)
	section(transport)
	text.WriteString("  storage:\n    name: wal\n")
	section("wal")
	text.WriteString("  statemachine:\n    name: kv\n")
	section("kv")
	raw, _, ok := strings.Cut(n.configText(), "\nplugins:\n")
	if !ok {
		t.Fatalf("%s has no plugins", n.config)
	}
	n.write(n.config, raw+"\n"+text.String())
}
