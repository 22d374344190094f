package httptransport

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/section"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/settings"
)

// config is the backend's config section. Without tls connections are plain TCP.
type config struct {
	settings.Settings `yaml:",inline"`

	OldPeers bool `yaml:"old_peers"`
}

func defaultConfig() config { return config{Settings: settings.Default(1024, 256)} }

// configSchema is the JSON Schema of config.
func configSchema() []byte {
	return settings.Schema(Name, defaultConfig().Settings, settings.Words{
		Insecure:       "Allow connections without TLS on addresses other than loopback. Anyone who can reach such an address can speak for any member.",
		MaxConnections: "The most inbound connections at one time. Those on which no member was heard yet have half of them at most.",
		LearnRemotes:   "Believe unknown senders where they can be reached even if no certificate vouches for them. Anyone who can connect can then make this node send requests to addresses of his choice.",
		Own:            oldPeersSchema,
	})
}

const oldPeersSchema = `,
    "old_peers": {
      "type": "boolean",
      "default": false,
      "description": "Talk to peers that speak the protocol of etcd 2.0 to 2.3 too. Those of 2.0 announce no version and, in single messages, no sender: it is taken from the message."
    }`

// parseConfig reads the config section. Unknown keys are errors.
func parseConfig(document []byte) (config, error) {
	c := defaultConfig()
	if err := section.Decode(document, &c); err != nil {
		return c, err
	}
	if err := c.Check("connections without TLS"); err != nil {
		return c, err
	}
	if c.TLS != nil && c.OldPeers {
		return c, fmt.Errorf("%w: old_peers is for connections without TLS: no such peer has a certificate that names it", plugins.ErrInvalidConfig)
	}
	return c, nil
}

// CheckConfig reads the config section of a member, and the files that it names, as
// Open does, and opens nothing else. The error is plugins.ErrInvalidConfig.
func CheckConfig(document []byte, cluster, node uint64) error {
	c, err := parseConfig(document)
	if err != nil {
		return err
	}
	return c.CheckFiles(cluster, node)
}
