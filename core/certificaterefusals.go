package core

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/membercert"
)

// certificateFiles has the files of a transport: a certificate, its key, and authorities. A
// transport takes all of them anew, or goes on with the files before.
type certificateFiles struct {
	use    string
	source *certfiles.Source[struct{}]
}

// transportTLS is the section tls of shipped transports, and of others that have the same keys.
type transportTLS struct {
	TLS struct {
		Cert string `yaml:"cert"`
		Key  string `yaml:"key"`
		CA   string `yaml:"ca"`
	} `yaml:"tls"`
}

// tlsOf is the section of a transport. One of a third party may have another section,
// which is not a mistake.
func tlsOf(t *TransportConfig) (section transportTLS, ok bool) {
	return section, yaml.Unmarshal(t.Config, &section) == nil
}

// watchFiles notes the transports whose files are of use. A transport of a third party may
// mean something else by its own.
func (c *certificates) watchFiles(cfg *Config) {
	self := membercert.Name{Cluster: cfg.ClusterID, Member: cfg.ID}
	for i := range cfg.Transports {
		section, ok := tlsOf(&cfg.Transports[i])
		if !ok || section.TLS.Cert == "" {
			continue
		}
		files := []certfiles.File{{Key: "tls.cert", Path: section.TLS.Cert}, {Key: "tls.key", Path: section.TLS.Key}, {Key: "tls.ca", Path: section.TLS.CA}}
		judge := func(texts []string) (struct{}, error) {
			_, _, err := certfiles.Member(files, texts, self)
			return struct{}{}, err
		}
		source, err := certfiles.Open(files, judge, func(struct{}) time.Time { return time.Time{} }, nil)
		if err == nil {
			c.files = append(c.files, &certificateFiles{use: "member by " + cfg.Transports[i].Name, source: source})
		}
	}
}

// lookAtFiles finds out which transports have files that are refused.
func (c *certificates) lookAtFiles() {
	for _, f := range c.files {
		f.source.Get()
	}
}

// refusals says by use why files are refused, as the ports say of theirs; "" if they can be
// used.
func (c *certificates) refusals() map[string]string {
	all := c.ports()
	for _, f := range c.files {
		all[f.use] = f.source.Refused()
	}
	return all
}

// refusedFiles has a warning for each use whose files are refused.
func (c *certificates) refusedFiles() (list []server.Warning) {
	all := c.refusals()
	for _, use := range slices.Sorted(maps.Keys(all)) {
		if why := all[use]; why != "" {
			list = append(list, server.Warning{Reason: server.WarnCertificateRefused, Text: fmt.Sprintf(
				"the certificate files of the %s cannot be used, and those of before stay in use: %s; put good ones into their place: they are read anew without a restart",
				use, why)})
		}
	}
	return list
}
