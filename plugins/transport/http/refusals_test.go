package httptransport

import (
	"bytes"
	"crypto/tls"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
)

// The metrics with TLS are sound Prometheus text, and know when the
// certificate runs out and who was refused.
func TestRefusalsAreMeasured(t *testing.T) {
	tr, url, _ := secured(t, peertlstest.New(t))
	post(t, showing(tls.Certificate{}), "GET", url+"/raft/probing", 2, nil, nil)
	eventually(t, "the caller is refused", func() bool { return refused(tr, "no_certificate") == 1 })
	var b bytes.Buffer
	if err := tr.WriteMetrics(&b); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := parser.TextToMetricFamilies(&b)
	if err != nil {
		t.Fatal(err)
	}
	expires := parsed["pontoon_transport_http_certificate_expires_seconds"].GetMetric()
	if len(expires) != 1 || expires[0].GetGauge().GetValue() < float64(time.Now().Unix()) {
		t.Errorf("expiry: %v", expires)
	}
	counts := parsed["pontoon_transport_http_refused_total"].GetMetric()
	if len(counts) != 1 || counts[0].GetCounter().GetValue() != 1 || counts[0].GetLabel()[0].GetValue() != "no_certificate" {
		t.Errorf("refusals: %v", counts)
	}
}
