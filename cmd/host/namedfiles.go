package main

import (
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/internal/hostconfig"
	"github.com/pontoon-raft/pontoon/plugins"
)

// checkNamedFiles reads the certificates, keys and authorities that a configuration
// names, and the sections of shipped transports. It reports all that would refuse
// a start, and what has ended.
func checkNamedFiles(c *hostconfig.Config, o *hostconfig.Origins) error {
	var all []hostconfig.Problem
	now := time.Now()
	all = append(all, fileProblems("", "api.tls", portFiles(c.Host.ClientTLS).CheckFiles("api.tls", now))...)
	for _, p := range fileProblems("", "admin.tls", adminFiles(c).CheckFiles("admin.tls", now)) {
		// A mistake in a setting that the admin port takes from the client port is
		// reported there.
		if o.Of(p.Key).Source != hostconfig.SourceDefault {
			all = append(all, p)
		}
	}
	keys := c.TransportKeys()
	for i, t := range c.Host.Transports {
		check := configChecks()[t.Name]
		if check == nil || len(t.Command) > 0 {
			continue // only that transport itself knows its section
		}
		section := keys[i] + ".config"
		all = append(all, fileProblems(section+".", section, check(t.Config, c.Host.ClusterID, c.Host.ID))...)
	}
	return o.Problems(all)
}

// portFiles names the certificate files of one port.
func portFiles(t core.TLSConfig) api.TLS {
	return api.TLS{Cert: t.Cert, Key: t.Key, ClientCA: t.ClientCA, ClientAuth: api.ClientAuth(t.ClientAuth)}
}

// adminFiles are those of the admin port, if there is to be one.
func adminFiles(c *hostconfig.Config) api.TLS {
	if c.Host.AdminAddress == "" {
		return api.TLS{}
	}
	return portFiles(c.Host.AdminTLS)
}

// fileProblems makes of an error one problem for each file, whose key is prefix and
// that of the file; if it is about no file, one problem of the section.
func fileProblems(prefix, section string, err error) (all []hostconfig.Problem) {
	for _, f := range certfiles.Faults(err) {
		all = append(all, hostconfig.Problem{Key: prefix + f.Key, Text: f.Err.Error()})
	}
	if err != nil && all == nil {
		text := strings.TrimPrefix(err.Error(), plugins.ErrInvalidConfig.Error()+": ")
		all = append(all, hostconfig.Problem{Key: section, Text: text})
	}
	return all
}
