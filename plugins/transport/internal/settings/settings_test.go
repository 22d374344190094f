package settings

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/section"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
)

// Each bound is kept: its own value passes, the next one does not, and the error
// names the key.
func TestBounds(t *testing.T) {
	for key, c := range map[string]struct {
		set           func(*Settings, int64)
		passes, fails int64
	}{
		"max_connections":             {func(s *Settings, n int64) { s.MaxConnections = int(n) }, 1, 0},
		"max_connections_per_address": {func(s *Settings, n int64) { s.MaxConnectionsPerAddress = int(n) }, 1, 0},
		"max_snapshots":               {func(s *Settings, n int64) { s.MaxSnapshots = int(n) }, 1, 0},
		"max_snapshots ":              {func(s *Settings, n int64) { s.MaxSnapshots = int(n) }, transport.MostSnapshots, transport.MostSnapshots + 1},
		"queue_bytes":                 {func(s *Settings, n int64) { s.QueueBytes = n }, minQueueBytes, minQueueBytes - 1},
		"snapshot_rate":               {func(s *Settings, n int64) { s.SnapshotRate = n }, pace.MinRate, pace.MinRate - 1},
		"snapshot_rate ":              {func(s *Settings, n int64) { s.SnapshotRate = n }, 0, -1},
	} {
		s := Default(3, 2)
		if c.set(&s, c.passes); s.Check("") != nil {
			t.Errorf("%s %d: %v", key, c.passes, s.Check(""))
		}
		c.set(&s, c.fails)
		if err := s.Check(""); !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), strings.TrimSpace(key)+" is") {
			t.Errorf("%s %d: %v", key, c.fails, err)
		}
	}
}

// A backend embeds the settings beside keys of its own; a key that neither of
// them knows is refused, and so is tls beside insecure.
func TestInline(t *testing.T) {
	type config struct {
		Settings `yaml:",inline"`
		Own      bool `yaml:"own"`
	}
	c := config{Settings: Default(3, 2)}
	if err := section.Decode([]byte("{own: true, max_snapshots: 5, tls: {cert: a, key: b, ca: c}}"), &c); err != nil {
		t.Fatal(err)
	}
	if !c.Own || c.MaxSnapshots != 5 || c.MaxConnections != 3 || c.MaxConnectionsPerAddress != 2 || c.TLS == nil || c.Check("") != nil {
		t.Errorf("%+v", c)
	}
	if err := c.CheckFiles(1, 2); !errors.Is(err, plugins.ErrInvalidConfig) {
		t.Errorf("files that are not there: %v", err)
	}
	c.Insecure = true
	if err := c.Check("links in the open"); !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), "insecure is for links in the open") {
		t.Errorf("insecure beside tls: %v", err)
	}
	if err := section.Decode([]byte("max_snapshot: 5"), &config{}); err == nil || !strings.Contains(err.Error(), "max_snapshot") {
		t.Errorf("a key with a fault: %v", err)
	}
	if err := (&Settings{}).CheckFiles(1, 2); err != nil {
		t.Errorf("without files: %v", err)
	}
}

// A backend's description of a key is in the schema, and its own keys are after
// these.
func TestSchema(t *testing.T) {
	own := `,
    "own": {"type": "boolean", "default": true}`
	text := Schema("x", Default(30, 20), Words{Insecure: "I's", MaxConnections: "C", LearnRemotes: "L", Own: own})
	var schema struct {
		Title      string
		Properties map[string]struct {
			Default     any
			Description string
		}
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	p := schema.Properties
	if schema.Title != "transport x" || p["insecure"].Description != "I's" || p["max_connections"].Description != "C" ||
		p["learn_remotes"].Description != "L" || p["own"].Default != true || p["max_connections_per_address"].Default != 20.0 {
		t.Errorf("%+v", schema)
	}
	if strings.Contains(string(text), "%!") {
		t.Errorf("%s", text)
	}
}
