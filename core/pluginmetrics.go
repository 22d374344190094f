package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
)

// metricPrefix begins the names of all metrics of shipped code; the host's own
// have no kind after it, a plugin's must.
const metricPrefix = "pontoon_"

// ofPlugin is what one plugin says of itself, and why something of it, or all, could
// not be taken.
type ofPlugin struct {
	plugin   string
	families []*dto.MetricFamily
	err      error
}

// pluginMetrics asks the plugins that run now, all at once: they have no port of their
// own. One that does not answer in time has an error; that it is unwell shows in
// pontoon_plugin_up.
func (h *Host) pluginMetrics() []ofPlugin {
	ctx, cancel := context.WithTimeout(context.Background(), h.cfg.Election)
	defer cancel()
	instances := h.instances()
	all := make([]ofPlugin, len(instances))
	var wg sync.WaitGroup
	for i, in := range instances {
		wg.Go(func() {
			families, err := metricsOf(ctx, in)
			all[i] = ofPlugin{fmt.Sprintf("%s(%s)", in.Info().Kind, in.Info().Name), families, err}
		})
	}
	wg.Wait()
	return all
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
	return append(list, h.courier.Instances()...)
}

// metricsOf asks one plugin.
func metricsOf(ctx context.Context, in *catalog.Instance) ([]*dto.MetricFamily, error) {
	text, err := in.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	return readMetrics(text, in.Info().Kind, in.Info().Name)
}

// Bounds of a plugin's text. Each line may become a series, which takes far more memory
// than its text.
const (
	maxMetricsBytes = 4 << 20
	maxMetricsLines = 50_000
	// maxMetricsError bounds an error about a text, which may quote it.
	maxMetricsError = 1 << 10
)

// readMetrics reads a plugin's text and labels what is in it. Names that it may not
// take are left out, and named by the error.
func readMetrics(text []byte, kind plugins.Kind, plugin string) ([]*dto.MetricFamily, error) {
	if lines := bytes.Count(text, []byte{'\n'}); len(text) > maxMetricsBytes || lines > maxMetricsLines {
		return nil, fmt.Errorf("%d bytes in %d lines, at most %d and %d (rule P-17)", len(text), lines, maxMetricsBytes, maxMetricsLines)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var list []*dto.MetricFamily
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if strings.HasPrefix(name, metricPrefix) && !strings.HasPrefix(name, metricPrefix+string(kind)+"_") {
			err = errors.Join(err, fmt.Errorf("%.64s: names of a %s plugin do not begin with %s, or with %s%s_", name, kind, metricPrefix, metricPrefix, kind))
			continue // would mix with the host's own
		}
		f := families[name]
		for _, m := range f.GetMetric() {
			m.Label = append(m.Label, label("kind", string(kind)), label("plugin", plugin))
		}
		list = append(list, f)
	}
	return list, err
}

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }
