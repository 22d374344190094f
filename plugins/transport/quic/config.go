package quictransport

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/membercert"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/section"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

// config is the backend's config section.
type config struct {
	Insecure                 bool  `yaml:"insecure"`
	MaxConnections           int   `yaml:"max_connections"`
	MaxConnectionsPerAddress int   `yaml:"max_connections_per_address"`
	MaxSnapshots             int   `yaml:"max_snapshots"`
	QueueBytes               int64 `yaml:"queue_bytes"`
	SnapshotRate             int64 `yaml:"snapshot_rate"`
	LearnRemotes             bool  `yaml:"learn_remotes"`

	TLS *peertls.Files `yaml:"tls"` // nil: nobody's identity is verified
}

func defaultConfig() config {
	return config{
		MaxConnections:           256,
		MaxConnectionsPerAddress: 64,
		MaxSnapshots:             4,
		QueueBytes:               64 << 20,
	}
}

// configSchema is the JSON Schema of config.
const configSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "transport quic",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "insecure": {
      "type": "boolean",
      "default": false,
      "description": "Allow addresses other than loopback without tls. Connections are encrypted then, but nobody's identity is verified: anyone who can reach such an address can speak for any member."
    },
    "max_connections": {
      "type": "integer",
      "minimum": 1,
      "default": 256,
      "description": "The most inbound connections at one time. Each pair of members has one. Those on which no member was heard yet have half of them at most, and half of those of their address."
    },
    "max_connections_per_address": {
      "type": "integer",
      "minimum": 1,
      "default": 64,
      "description": "The most inbound connections at one time from one IP address."
    },
    "max_snapshots": {
      "type": "integer",
      "minimum": 1,
      "maximum": 64,
      "default": 4,
      "description": "The most snapshots received at one time, and sent at one time; of those to send more wait, of those that come more are told to come back."
    },
    "queue_bytes": {
      "type": "integer",
      "minimum": 1048576,
      "default": 67108864,
      "description": "The most bytes of messages that wait for one stream of one peer; more are dropped and reported."
    },
    "snapshot_rate": {
      "type": "integer",
      "minimum": 0,
      "default": 0,
      "description": "The most bytes of snapshots sent in a second, to all peers together; 0 means no limit, otherwise at least 65536. Below 26215 for each of max_snapshots, fewer are sent at one time."
    },
    "tls": ` + peertls.Schema + `,
    "learn_remotes": {
      "type": "boolean",
      "default": false,
      "description": "Dial unknown senders where they say they can be reached even if no certificate vouches for them. Anyone who can connect can then make this node dial addresses of his choice. They are answered on their own connection in any case."
    }
  }
}
`

// parseConfig reads the config section. Unknown keys are errors.
func parseConfig(document []byte) (config, error) {
	c := defaultConfig()
	if err := section.Decode(document, &c); err != nil {
		return c, err
	}
	for _, limit := range []struct {
		key        string
		value, min int64
	}{
		{"max_connections", int64(c.MaxConnections), 1},
		{"max_connections_per_address", int64(c.MaxConnectionsPerAddress), 1},
		{"max_snapshots", int64(c.MaxSnapshots), 1},
		{"queue_bytes", c.QueueBytes, 1 << 20},
	} {
		if limit.value < limit.min {
			return c, fmt.Errorf("%w: %s is %d, must be at least %d", plugins.ErrInvalidConfig, limit.key, limit.value, limit.min)
		}
	}
	if c.MaxSnapshots > transport.MostSnapshots {
		return c, fmt.Errorf("%w: max_snapshots is %d, must be at most %d", plugins.ErrInvalidConfig, c.MaxSnapshots, transport.MostSnapshots)
	}
	if c.SnapshotRate != 0 && c.SnapshotRate < pace.MinRate {
		return c, fmt.Errorf("%w: snapshot_rate is %d, must be 0 or at least %d", plugins.ErrInvalidConfig, c.SnapshotRate, pace.MinRate)
	}
	if c.TLS != nil && c.Insecure {
		return c, fmt.Errorf("%w: insecure is for members without identities: remove it, or tls", plugins.ErrInvalidConfig)
	}
	return c, nil
}

// CheckConfig reads the config section of a member, and the files that it names, as
// Open does, and opens nothing else. The error is plugins.ErrInvalidConfig.
func CheckConfig(document []byte, cluster, node uint64) error {
	c, err := parseConfig(document)
	if err != nil || c.TLS == nil {
		return err
	}
	return c.TLS.CheckFiles(membercert.Name{Cluster: cluster, Member: node})
}
