package quictransport

import (
	"github.com/pontoon-raft/pontoon/plugins/section"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/settings"
)

// config is the backend's config section: it has no keys of its own. Without tls
// identities are not verified.
type config struct {
	settings.Settings `yaml:",inline"`
}

func defaultConfig() config { return config{settings.Default(256, 64)} }

// configSchema is the JSON Schema of config.
func configSchema() []byte {
	return settings.Schema(Name, defaultConfig().Settings, settings.Words{
		Insecure:       "Allow addresses other than loopback without tls. Connections are encrypted then, but nobody's identity is verified: anyone who can reach such an address can speak for any member.",
		MaxConnections: "The most inbound connections at one time. Each pair of members has one. Those on which no member was heard yet have half of them at most, and half of those of their address.",
		LearnRemotes:   "Dial unknown senders where they say they can be reached even if no certificate vouches for them. Anyone who can connect can then make this node dial addresses of his choice. They are answered on their own connection in any case.",
	})
}

// parseConfig reads the config section. Unknown keys are errors.
func parseConfig(document []byte) (config, error) {
	c := defaultConfig()
	if err := section.Decode(document, &c); err != nil {
		return c, err
	}
	return c, c.Check("members without identities")
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
