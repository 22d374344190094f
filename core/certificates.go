package core

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/server"
)

const (
	// certificateLook is how often the files are looked at.
	certificateLook = 10 * time.Second
	// certificateNote is how often the log repeats that a certificate ends.
	certificateNote = 24 * time.Hour
)

// certificates know when the certificates end that this host uses: those of its
// two ports, and those of its transports, whose section tls it reads with them. They know
// too which files are refused (certificaterefusals.go).
type certificates struct {
	logger        *slog.Logger
	ends, refused *prometheus.Desc
	every         time.Duration
	ports         func() map[string]string // api.Server.RefusedCertificates

	noted time.Time // when the log was told last; look's alone

	mu    sync.Mutex // of the spans
	uses  []certificateUse
	files []*certificateFiles
}

// certificateUse is one file. The span that was found last stays while the file
// cannot be read.
type certificateUse struct {
	what, path string
	authority  bool
	span       certfiles.Span
}

func newCertificates(cfg *Config, ports func() map[string]string) *certificates {
	c := &certificates{logger: cfg.Logger, every: cfg.certificateLook, ports: ports, ends: prometheus.NewDesc("pontoon_certificate_expires_seconds",
		"When a certificate that this host uses runs out, Unix time.", []string{"use"}, nil)}
	c.refused = prometheus.NewDesc("pontoon_certificate_files_refused",
		"1 while the files of a certificate cannot be used, so that those of before are.", []string{"use"}, nil)
	c.watchFiles(cfg)
	c.add("client port", cfg.ClientTLS.Cert, false)
	c.add("authorities of clients", cfg.ClientTLS.ClientCA, true)
	if cfg.AdminAddress != "" {
		c.add("admin port", cfg.AdminTLS.Cert, false)
		c.add("authorities of the admin port's clients", cfg.AdminTLS.ClientCA, true)
	}
	for i := range cfg.Transports {
		t := &cfg.Transports[i]
		if section, ok := tlsOf(t); ok {
			c.add("member by "+t.Name, section.TLS.Cert, false)
			c.add("authorities of members by "+t.Name, section.TLS.CA, true)
		}
	}
	return c
}

// add notes a file, if it is named and not noted yet.
func (c *certificates) add(what, path string, authority bool) {
	for _, u := range c.uses {
		if u.path == path && u.authority == authority {
			return
		}
	}
	if path != "" {
		c.uses = append(c.uses, certificateUse{what: what, path: path, authority: authority})
	}
}

// watch looks at the files until ctx ends.
func (c *certificates) watch(ctx context.Context) {
	c.look(time.Now())
	for pause.For(ctx, c.every) {
		c.look(time.Now())
	}
}

// look reads the files, and says once a day what ends. It is for one goroutine.
func (c *certificates) look(now time.Time) {
	for i := range c.uses {
		c.read(&c.uses[i])
	}
	c.lookAtFiles()
	if now.Sub(c.noted) < certificateNote {
		return
	}
	for _, w := range c.ending(now) {
		c.logger.Warn("certificate ends", "event", events.Certificate, "reason", w.Reason, "message", w.Text)
		c.noted = now
	}
}

// read reads one file, while those who ask do not wait for the disk. The port or
// the transport that uses a file complains if it is of no use.
func (c *certificates) read(u *certificateUse) {
	text, err := certfiles.File{Key: u.what, Path: u.path}.Read()
	if err != nil {
		return
	}
	span, err := certfiles.SpanOf([]byte(text), u.authority)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !u.span.End.IsZero() && u.span != span {
		c.logger.Info("certificate was read anew", "event", events.Certificate, "use", u.what, "path", u.path, "ends", span.End.UTC().Format(time.RFC3339))
	}
	u.span = span
}

// warnings tells of certificates that have ended, or end soon, and of files that are
// refused. The port or the transport itself tells the log of refused files.
func (c *certificates) warnings(now time.Time) []server.Warning {
	return append(c.refusedFiles(), c.ending(now)...)
}

// ending are the warnings of certificates that have ended, or end soon.
func (c *certificates) ending(now time.Time) (list []server.Warning) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range c.uses {
		end := u.span.End.UTC().Format(time.RFC3339)
		const wayOut = "put a new one into its place: it is read anew without a restart"
		switch {
		case u.span.End.IsZero():
		case now.After(u.span.End):
			list = append(list, server.Warning{Reason: server.WarnCertificateExpired, Text: fmt.Sprintf(
				"the certificate of the %s (%s) has ended at %s, and new connections are refused; %s", u.what, u.path, end, wayOut)})
		case u.span.EndsSoon(now):
			list = append(list, server.Warning{Reason: server.WarnCertificateExpires, Text: fmt.Sprintf(
				"the certificate of the %s (%s) ends at %s, in %.1f days; %s", u.what, u.path, end, u.span.End.Sub(now).Hours()/24, wayOut)})
		}
	}
	return list
}

// Describe implements prometheus.Collector.
func (c *certificates) Describe(ch chan<- *prometheus.Desc) { ch <- c.ends; ch <- c.refused }

// Collect implements prometheus.Collector.
func (c *certificates) Collect(ch chan<- prometheus.Metric) {
	for use, why := range c.refusals() {
		refused := 0.0
		if why != "" {
			refused = 1
		}
		ch <- prometheus.MustNewConstMetric(c.refused, prometheus.GaugeValue, refused, use)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range c.uses {
		if !u.span.End.IsZero() {
			ch <- prometheus.MustNewConstMetric(c.ends, prometheus.GaugeValue, float64(u.span.End.Unix()), u.what)
		}
	}
}

// refusedHandshakes are the TLS handshakes of clients that have failed, as a
// metric.
type refusedHandshakes struct {
	byReason func() map[string]uint64
	desc     *prometheus.Desc
}

func newRefusedHandshakes(byReason func() map[string]uint64) refusedHandshakes {
	return refusedHandshakes{byReason, prometheus.NewDesc("pontoon_client_handshakes_refused_total",
		"TLS handshakes of clients that have failed, by reason.", []string{"reason"}, nil)}
}

// Describe implements prometheus.Collector.
func (r refusedHandshakes) Describe(ch chan<- *prometheus.Desc) { ch <- r.desc }

// Collect implements prometheus.Collector.
func (r refusedHandshakes) Collect(ch chan<- prometheus.Metric) {
	for reason, n := range r.byReason() {
		ch <- prometheus.MustNewConstMetric(r.desc, prometheus.CounterValue, float64(n), reason)
	}
}
