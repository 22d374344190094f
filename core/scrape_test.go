package core

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// ofText is what a plugin with this text is, after the host has labelled it.
func ofText(t *testing.T, plugin, text string) ofPlugin {
	t.Helper()
	families, err := readMetrics([]byte(text), "storage", plugin)
	return ofPlugin{plugin, families, err}
}

// The scrape has the host's metrics whatever one plugin says, those of the other
// plugins, and of this one all that fits. The log says once what was left out.
func TestAPluginsMetricsSpoilNoScrape(t *testing.T) {
	const sound = "good 1\n"
	for _, x := range []struct{ name, text, says string }{
		{"not metrics", "<html>\n", "invalid metric name"},
		{"a name of the host with another type", sound + "# TYPE go_goroutines counter\ngo_goroutines 1\n", "go_goroutines"},
		{"the host's label", sound + "bad{kind=\"storage\"} 1\n", "kind"},
		{"a name of the host's own", sound + "pontoon_ready 1\n", "pontoon_ready"},
		{"a series twice", sound + "twice 1\ntwice 2\n", "twice"},
		{"not UTF-8", "bad{a=\"\xff\"} 1\n", "invalid label value"},
		{"a name of the next plugin with another type", sound + "# TYPE other gauge\nother 1\n", "other"},
		{"a value that is not a number, and long", "bad " + strings.Repeat("x", 3<<20) + "\n", "expected float as value"},
		{"a name that it may not take, and long", sound + "pontoon_" + strings.Repeat("x", 3<<20) + " 1\n", "names of a storage plugin do not begin with"},
		{"more bytes than the host reads", sound[:4] + " " + strings.Repeat("1", 4<<20) + "\n", "4194310 bytes in 1 lines, at most 4194304 and 50000 (rule P-17)"},
		{"more lines than the host reads", strings.Repeat("a 1\n", 50_001), "200004 bytes in 50001 lines, at most 4194304 and 50000 (rule P-17)"},
		{"another help", sound + "# HELP go_goroutines Mine.\n# TYPE go_goroutines gauge\ngo_goroutines 1\n", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			host := prometheus.NewRegistry()
			host.MustRegister(collectors.NewGoCollector())
			var log bytes.Buffer
			s := newScrape(host, func() []ofPlugin {
				return []ofPlugin{
					ofText(t, "first", x.text),
					ofText(t, "second", "# TYPE other counter\nother 1\nsecond 1\n"),
					{plugin: "third", err: errors.New("no answer")},
				}
			}, slog.New(slog.NewTextHandler(&log, nil)))
			var families []*dto.MetricFamily
			for range 3 {
				var err error
				if families, err = s.Gather(); err != nil {
					t.Fatal(err)
				}
			}
			want := []string{"go_goroutines", "go_threads", "second"}
			if strings.HasPrefix(x.text, sound) {
				want = append(want, "good")
			}
			for _, name := range want {
				if !slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name }) {
					t.Errorf("%s is missing", name)
				}
			}
			if log.Len() > 8<<10 {
				t.Errorf("three scrapes logged %d bytes", log.Len())
			}
			lines := strings.Count(log.String(), "left out")
			if said := strings.Contains(log.String(), x.says); !said || x.says != "" && lines != 2 || x.says == "" && lines != 1 {
				t.Errorf("three scrapes logged\n%s", log.String())
			}
			for _, f := range families {
				if _, err := expfmt.MetricFamilyToText(&bytes.Buffer{}, f); err != nil || !model.LegacyValidation.IsValidMetricName(f.GetName()) {
					t.Errorf("%s cannot be written: %v", f.GetName(), err)
				}
			}
		})
	}
}
