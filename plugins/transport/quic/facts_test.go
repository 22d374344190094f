package quictransport

import (
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// checkMetrics makes sure that text is sound, and has every family.
func checkMetrics(t *testing.T, text string) {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, f := range peerFamilies() {
		if got := parsed[f.Name]; got == nil || len(got.GetMetric()) == 0 {
			t.Errorf("%s is missing", f.Name)
		}
	}
	for _, name := range []string{"learned_peers", "inbound_connections"} {
		if parsed["pontoon_transport_quic_"+name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}
