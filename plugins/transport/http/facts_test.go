package httptransport

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// The metrics are sound Prometheus text, and know of a peer what probes and
// streams have shown.
func TestPeerFacts(t *testing.T) {
	two, urlTwo := openNode(t, 2, "", newEvents())
	one, urlOne := openNode(t, 1, "", newEvents())
	connect(t, one, 2, urlTwo)
	connect(t, two, 1, urlOne)
	waitWriter(t, one, 2, messageStream)
	facts := &endpointOf(one).Roster.Named()[2].facts
	for end := time.Now().Add(20 * time.Second); facts.rtt.Load() == 0 || facts.Since.Load() == 0; {
		if time.Now().After(end) {
			t.Fatal("the peer was not probed, or is not active")
		}
		<-time.After(time.Millisecond)
	}
	if skew := time.Duration(facts.Skew.Load()); skew.Abs() > 10*time.Second {
		t.Errorf("the same clock is %v ahead of itself", skew)
	}
	var b bytes.Buffer
	if err := one.WriteMetrics(&b); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := parser.TextToMetricFamilies(&b)
	if err != nil {
		t.Fatal(err)
	}
	documented, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range parsed {
		if !bytes.Contains(documented, []byte("`"+name+"`")) {
			t.Errorf("%s is not in docs/metrics.md", name)
		}
	}
	for _, f := range peerFamilies() {
		if got := parsed[f.Name]; got == nil || len(got.GetMetric()) == 0 {
			t.Errorf("%s is missing", f.Name)
		}
	}
}
