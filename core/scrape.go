package core

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/pontoon-raft/pontoon/internal/repeats"
)

const (
	// metricsAgain is how long the log does not repeat why a plugin's metrics were left out.
	metricsAgain = 10 * time.Minute
	// mostLeftOut bounds the reasons that are remembered for that.
	mostLeftOut = 64
)

// A scrape answers /metrics with the host's own metrics, and beside them those of
// plugins, each with the labels kind and plugin. No word of a plugin takes away what the host or another plugin says.
type scrape struct {
	host    prometheus.Gatherer
	plugins func() []ofPlugin
	logger  *slog.Logger
	said    *repeats.Book[leftOut]
}

var _ prometheus.Gatherer = (*scrape)(nil)

// leftOut is a plugin and why some of its metrics are missing.
type leftOut struct{ plugin, reason string }

func newScrape(host prometheus.Gatherer, plugins func() []ofPlugin, logger *slog.Logger) *scrape {
	return &scrape{host, plugins, logger, repeats.New[leftOut](repeats.Rule{Pause: metricsAgain, Most: mostLeftOut, Forgets: true})}
}

// Gather implements prometheus.Gatherer. Its error is the host's own.
func (s *scrape) Gather() ([]*dto.MetricFamily, error) {
	all, err := s.host.Gather()
	if err != nil {
		return nil, err
	}
	for _, p := range s.plugins() {
		both, err := beside(all, p.families)
		all = both
		if err := errors.Join(p.err, err); err != nil {
			s.leaveOut(p.plugin, err)
		}
	}
	return all, nil
}

func (s *scrape) leaveOut(plugin string, err error) {
	reason := err.Error()
	if len(reason) > maxMetricsError {
		reason = strings.ToValidUTF8(reason[:maxMetricsError], "") + " …"
	}
	if silent, due := s.said.Note(leftOut{plugin, reason}, time.Now()); due {
		s.logger.Warn("metrics of a plugin are left out", "plugin", plugin, "error", reason, "more_since_last_line", silent)
	}
}

// beside adds a plugin's families to those that are there. Families that do not
// fit are left out, and named by the error: a name of another type, a series that
// is there already, a label twice, text that is not UTF-8. The help of a name is
// that of the first to have it.
func beside(all, plugin []*dto.MetricFamily) ([]*dto.MetricFamily, error) {
	helps := make(map[string]*string, len(all))
	for _, f := range all {
		helps[f.GetName()] = f.Help
	}
	for _, f := range plugin {
		if help, known := helps[f.GetName()]; known {
			f.Help = help
		}
	}
	return prometheus.Gatherers{fixed(all), fixed(plugin)}.Gather()
}

func fixed(families []*dto.MetricFamily) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
}
