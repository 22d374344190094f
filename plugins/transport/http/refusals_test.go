package httptransport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
)

// All refusals are counted; a line in the log there is for each address and
// reason once in a while, and never more lines, or more memory, than so many.
func TestRefusalsAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := newRefusals(slog.New(slog.NewTextHandler(&log, nil)))
		lines := func() int { return strings.Count(log.String(), "\n") }
		for range 100 {
			r.called("192.0.2.1:1000", peertls.ErrExpired)
			r.called("192.0.2.1:1001", peertls.ErrExpired)
			r.dialled(2, peertls.ErrOtherMember)
			r.dialled(2, &net.OpError{Op: "dial", Err: errors.New("connection refused")}) // no refusal of an identity
		}
		if lines() != 2 || r.counts["expired"] != 200 || r.counts["other_member"] != 100 || len(r.counts) != 2 {
			t.Errorf("%d lines, counts %v:\n%s", lines(), r.counts, log.String())
		}
		r.called("192.0.2.1:1000", peertls.ErrNoCertificate)
		if lines() != 3 {
			t.Errorf("another reason has no line of its own:\n%s", log.String())
		}
		time.Sleep(refusalQuiet)
		r.called("192.0.2.1:1000", peertls.ErrExpired)
		if lines() != 4 {
			t.Errorf("after a while it is not logged again:\n%s", log.String())
		}
		for i := range 10_000 {
			r.called(fmt.Sprintf("[2001:db8::%x]:1", i), peertls.ErrExpired)
		}
		if lines() > 4+maxRefusals || len(r.said) > maxRefusals {
			t.Errorf("%d lines, %d remembered", lines(), len(r.said))
		}
	})
}

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
