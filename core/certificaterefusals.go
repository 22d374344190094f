package core

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/membercert"
)

// certificateFiles has the files of one section: a certificate, its key, and authorities. A
// port or a transport takes all of them anew, or goes on with the files before.
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

// watchFiles notes the sections whose files are of use. Without those of a port the host
// does not start; a transport of a third party may mean something else by its own.
func (c *certificates) watchFiles(cfg *Config) {
	open := func(use string, files []certfiles.File, check func(texts []string) error) {
		build := func(texts []string) (struct{}, error) { return struct{}{}, check(texts) }
		source, err := certfiles.Open(files, build, func(struct{}) time.Time { return time.Time{} }, nil)
		if err == nil {
			c.files = append(c.files, &certificateFiles{use: use, source: source})
		}
	}
	for _, p := range []struct {
		use, section string
		tls          TLSConfig
		listens      bool
	}{{"client port", "api.tls", cfg.ClientTLS, true}, {"admin port", "admin.tls", cfg.AdminTLS, cfg.AdminAddress != ""}} {
		if port, err := p.tls.port(); err == nil && port.Cert != "" && p.listens {
			open(p.use, port.Files(p.section), func(texts []string) error { return port.Check(p.section, texts) })
		}
	}
	self := membercert.Name{Cluster: cfg.ClusterID, Member: cfg.ID}
	for i := range cfg.Transports {
		if section, ok := tlsOf(&cfg.Transports[i]); ok && section.TLS.Cert != "" {
			files := []certfiles.File{{Key: "tls.cert", Path: section.TLS.Cert}, {Key: "tls.key", Path: section.TLS.Key}, {Key: "tls.ca", Path: section.TLS.CA}}
			open("member by "+cfg.Transports[i].Name, files, func(texts []string) error {
				_, _, err := certfiles.Member(files, texts, self)
				return err
			})
		}
	}
}

// lookAtFiles finds out which sections have files that are refused.
func (c *certificates) lookAtFiles() {
	for _, f := range c.files {
		f.source.Get()
	}
}

// refusals has a warning for each section whose files are refused.
func (c *certificates) refusals() (list []server.Warning) {
	for _, f := range c.files {
		if why := f.source.Refused(); why != "" {
			list = append(list, server.Warning{Reason: server.WarnCertificateRefused, Text: fmt.Sprintf(
				"the certificate files of the %s cannot be used, and those of before stay in use: %s; put good ones into their place: they are read anew without a restart",
				f.use, why)})
		}
	}
	return list
}
