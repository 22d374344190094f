// Package settings has the keys that the config sections of all transport backends
// have: each key with its rule and its place in the schema.
package settings

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

// minQueueBytes is the least of queue_bytes.
const minQueueBytes = 1 << 20

// Settings are the keys. A backend's own config has them with the tag
// yaml:",inline" and its own keys besides.
type Settings struct {
	Insecure                 bool  `yaml:"insecure"`
	MaxConnections           int   `yaml:"max_connections"`
	MaxConnectionsPerAddress int   `yaml:"max_connections_per_address"`
	MaxSnapshots             int   `yaml:"max_snapshots"`
	QueueBytes               int64 `yaml:"queue_bytes"`
	SnapshotRate             int64 `yaml:"snapshot_rate"`
	LearnRemotes             bool  `yaml:"learn_remotes"`

	TLS *peertls.Files `yaml:"tls"` // nil: identities are not verified
}

// Default are the settings of an empty section: so many connections, at one time
// and from one IP address.
func Default(connections, perAddress int) Settings {
	return Settings{
		MaxConnections:           connections,
		MaxConnectionsPerAddress: perAddress,
		MaxSnapshots:             4,
		QueueBytes:               64 << 20,
	}
}

// Check refuses values that are out of bounds or contradict each other, as
// plugins.ErrInvalidConfig. bare are, in words, the connections that insecure
// allows: "connections without TLS".
func (s *Settings) Check(bare string) error {
	for _, limit := range []struct {
		key        string
		value, min int64
	}{
		{"max_connections", int64(s.MaxConnections), 1},
		{"max_connections_per_address", int64(s.MaxConnectionsPerAddress), 1},
		{"max_snapshots", int64(s.MaxSnapshots), 1},
		{"queue_bytes", s.QueueBytes, minQueueBytes},
	} {
		if limit.value < limit.min {
			return fmt.Errorf("%w: %s is %d, must be at least %d", plugins.ErrInvalidConfig, limit.key, limit.value, limit.min)
		}
	}
	switch {
	case s.MaxSnapshots > transport.MostSnapshots:
		return fmt.Errorf("%w: max_snapshots is %d, must be at most %d", plugins.ErrInvalidConfig, s.MaxSnapshots, transport.MostSnapshots)
	case s.SnapshotRate != 0 && s.SnapshotRate < pace.MinRate:
		return fmt.Errorf("%w: snapshot_rate is %d, must be 0 or at least %d", plugins.ErrInvalidConfig, s.SnapshotRate, pace.MinRate)
	case s.TLS != nil && s.Insecure:
		return fmt.Errorf("%w: insecure is for %s: remove it, or tls", plugins.ErrInvalidConfig, bare)
	}
	return nil
}

// CheckFiles reads the files that the settings of a member name, as Open does, and
// opens nothing else. The error is plugins.ErrInvalidConfig.
func (s *Settings) CheckFiles(cluster, node uint64) error {
	if s.TLS == nil {
		return nil
	}
	return s.TLS.CheckFiles(membercert.Name{Cluster: cluster, Member: node})
}
