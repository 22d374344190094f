package pluginrpc

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

// The description of a plugin is kept, logged and shown: all of it is bounded.
// Rules P-11, P-12, SM-43, SM-45 and SM-46.
func TestWhatAPluginSaysOfItselfIsBounded(t *testing.T) {
	sound := func() plugins.Info {
		return plugins.Info{
			Kind: plugins.Storage, Name: "wal", Version: "v1.2.3 (ü)", Protocols: []uint32{plugins.ProtocolVersion, 99},
			Capabilities: []plugins.Capability{"space", "of a later build"}, ConfigSchema: []byte("{}"),
		}
	}
	if err := CheckInfo(sound()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*plugins.Info){
		"a name that is a path":          func(i *plugins.Info) { i.Name = "../wal" },
		"a long version":                 func(i *plugins.Info) { i.Version = strings.Repeat("v", maxVersionBytes+1) },
		"a version of two lines":         func(i *plugins.Info) { i.Version = "v1\nlevel=ERROR" },
		"a version that steers":          func(i *plugins.Info) { i.Version = "v1\x1b[2J" },
		"a version that is no text":      func(i *plugins.Info) { i.Version = "v1\xff" },
		"more protocols than there are":  func(i *plugins.Info) { i.Protocols = append(i.Protocols, make([]uint32, maxProtocols)...) },
		"format 0":                       func(i *plugins.Info) { i.SnapshotFormats.Readable = []uint32{3, 0} },
		"many formats":                   func(i *plugins.Info) { i.SnapshotFormats.Readable = slices.Repeat([]uint32{3}, maxFormats+1) },
		"a hash with a name of 65 bytes": func(i *plugins.Info) { i.StateHash = strings.Repeat("h", 65) },
		"versions from 2 to 1":           func(i *plugins.Info) { i.CommandVersions = plugins.Versions{Least: 2, Greatest: 1} },
		"many capabilities":              func(i *plugins.Info) { i.Capabilities = slices.Repeat(i.Capabilities, maxCapabilities) },
		"a long capability": func(i *plugins.Info) {
			i.Capabilities = append(i.Capabilities, plugins.Capability(strings.Repeat("c", maxCapabilityBytes+1)))
		},
		"a large schema": func(i *plugins.Info) { i.ConfigSchema = make([]byte, maxSchemaBytes+1) },
	} {
		t.Run(name, func(t *testing.T) {
			info := sound()
			if spoil(&info); !errors.Is(CheckInfo(info), plugins.ErrBadAnswer) {
				t.Errorf("taken: %v", CheckInfo(info))
			}
		})
	}
}
