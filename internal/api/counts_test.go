package api_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/api"
)

// docs/metrics.md has a row for each metric of the two ports, with its label and
// the label's values.
func TestMetricsOfThePortsAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "| `pontoon_api_"); ok {
			rows["pontoon_api_"+name[:strings.Index(name, "`")]] = line
		}
	}
	registry := prometheus.NewRegistry()
	api.New(api.Options{Service: &fakeService{}, Metrics: registry})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		row, ok := rows[f.GetName()]
		if !ok {
			t.Errorf("%s is not documented", f.GetName())
		}
		delete(rows, f.GetName())
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if !strings.Contains(row, "`"+l.GetName()+"`") || !strings.Contains(row, "`"+l.GetValue()+"`") {
					t.Errorf("%s: %s %q is not documented", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
	for name := range rows {
		t.Errorf("%s is documented, but there is no such metric", name)
	}
}
