package core

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pontoon-raft/pontoon/internal/catalog"
)

// Plugins own no port: the host asks them for their metrics when it is scraped
// and serves them beside its own, each with the labels kind and plugin. Names
// that plugins may not take are those of the host.
type pluginGatherer struct {
	h *Host
}

var _ prometheus.Gatherer = pluginGatherer{}

// metricPrefix begins the names of all metrics of shipped code; the host's own
// have no kind behind it, a plugin's must.
const metricPrefix = "pontoon_"

// Gather implements prometheus.Gatherer. A plugin that does not answer in time
// is left out; that it is unwell shows in pontoon_plugin_up.
func (g pluginGatherer) Gather() ([]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(context.Background(), g.h.cfg.Election)
	defer cancel()
	var mu sync.Mutex
	var all []*dto.MetricFamily
	var wg sync.WaitGroup
	for _, in := range g.h.instances() {
		wg.Go(func() {
			families, err := pluginMetrics(ctx, in)
			if err != nil {
				g.h.logger.Debug("plugin metrics left out", "plugin", in.Info().Name, "error", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, families...)
		})
	}
	wg.Wait()
	return all, nil
}

// instances are the plugins that run now.
func (h *Host) instances() []*catalog.Instance {
	var list []*catalog.Instance
	if g := h.current(); g != nil {
		list = append(list, g.instance)
	}
	if in := h.machine.current(); in != nil {
		list = append(list, in)
	}
	for _, k := range h.courier.carriers {
		if in := k.running.Load(); in != nil {
			list = append(list, in)
		}
	}
	return list
}

// pluginMetrics reads one plugin's metrics and labels them.
func pluginMetrics(ctx context.Context, in *catalog.Instance) ([]*dto.MetricFamily, error) {
	text, err := in.Metrics(ctx)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s(%s): metrics: %w", in.Info().Kind, in.Info().Name, err)
	}
	list := make([]*dto.MetricFamily, 0, len(families))
	for name, f := range families {
		if strings.HasPrefix(name, metricPrefix) && !strings.HasPrefix(name, metricPrefix+string(in.Info().Kind)+"_") {
			continue // would mix with the host's own
		}
		for _, m := range f.GetMetric() {
			m.Label = append(m.Label, label("kind", string(in.Info().Kind)), label("plugin", in.Info().Name))
		}
		list = append(list, f)
	}
	return list, nil
}

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }
