package server

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/audit"
)

// WarnAudit is the reason of the warning that the audit cannot be written.
const WarnAudit = "audit_failing"

// auditWarnings say that the audit cannot be written.
func (s *Server) auditWarnings() []Warning {
	f := s.cfg.Audit.Failing()
	if f == nil {
		return nil
	}
	effect := "requests are served without a record"
	if s.cfg.Audit.Refuses() {
		effect = "requests of which a record is wanted are refused"
	}
	return []Warning{{Reason: WarnAudit, Text: fmt.Sprintf(
		"the audit has not been written for %v: %v; %s, %d so far; make room on its disk, or see to audit.dir",
		time.Since(f.Since).Round(100*time.Millisecond), f.Err, effect, s.cfg.Audit.Dropped())}}
}

// auditMetrics tell how it goes with the audit.
func auditMetrics(log *audit.Log) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "audit_dropped_total", Help: "Requests of which the audit has no record, those that were refused for that reason included.",
		}, func() float64 { return float64(log.Dropped()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "audit_head", Help: "Number of the last record of the audit; 0 without one.",
		}, func() float64 { return float64(log.Head().Number) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "audit_failing", Help: "1 while the audit cannot be written.",
		}, func() float64 {
			if log.Failing() != nil {
				return 1
			}
			return 0
		}),
	}
}
