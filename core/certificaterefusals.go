package core

import (
	"crypto/x509"
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
	use     string
	source  *certfiles.Source[struct{}]
	refused string // why they are of no use, at two looks or more; "" if they are
}

// transportTLS is the section of a shipped transport, and of one that is like it.
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
			open("member by "+cfg.Transports[i].Name, files, func(texts []string) error { return checkMember(self, files, texts) })
		}
	}
}

// checkMember is why a transport refuses the certificate of this member.
func checkMember(self membercert.Name, files []certfiles.File, texts []string) error {
	pair, err := certfiles.Pair(files[0], files[1], texts[0], texts[1])
	if err != nil {
		return err
	}
	authorities, err := certfiles.Authorities(files[2], texts[2])
	if err != nil {
		return err
	}
	chain, err := membercert.Certificates([]byte(texts[0]))
	if err != nil {
		return files[0].Fault(err)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if err := certfiles.Verify(chain, authorities, time.Now(), usage); err != nil {
			return files[0].Fault(err)
		}
	}
	name, err := membercert.Of(pair.Leaf)
	if err == nil && name != self {
		err = fmt.Errorf("it is the certificate of %v, and this node is %v", name, self)
	}
	if err != nil {
		return files[0].Fault(err)
	}
	return nil
}

// lookAtFiles finds out which sections have files that are refused, while those that ask
// do not wait for the disk. It is for one goroutine.
func (c *certificates) lookAtFiles() {
	for _, f := range c.files {
		f.source.Get()
		why := f.source.Refused()
		c.mu.Lock()
		f.refused = why
		c.mu.Unlock()
	}
}

// refusals are the warnings of files that are refused.
func (c *certificates) refusals() (list []server.Warning) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.files {
		if f.refused != "" {
			list = append(list, server.Warning{Reason: server.WarnCertificateRefused, Text: fmt.Sprintf(
				"the certificate files of the %s cannot be used, and those of before stay in use: %s; put good ones into their place: they are read anew without a restart",
				f.use, f.refused)})
		}
	}
	return list
}
