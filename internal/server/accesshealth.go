package server

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	clients "github.com/pontoon-raft/pontoon/internal/access"
)

// WarnTokens is the reason of the warning that the file of tokens cannot be used.
const WarnTokens = "tokens"

// accessWarnings say what is not well with the knowledge of clients.
func (s *Server) accessWarnings() []Warning {
	broken := s.cfg.Access.State(time.Now()).Broken
	if broken == "" {
		return nil
	}
	return []Warning{{WarnTokens, fmt.Sprintf("the file of tokens cannot be used, so that none is revoked or added: %s", broken)}}
}

// accessCollector reports the requests that were refused because of their clients.
type accessCollector struct{ guard *clients.Guard }

func (c accessCollector) refused() *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_access_refused_total", "Requests that were refused because of their client.", []string{"reason"}, nil)
}

func (c accessCollector) tokens() *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_access_wrong_tokens_total", "Tokens that were shown and not accepted.", nil, nil)
}

func (c accessCollector) broken() *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_access_tokens_broken", "1 if the file of tokens cannot be used as it is.", nil, nil)
}

func (c accessCollector) expires() *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_access_token_expires_seconds", "When the next valid token ends, in Unix time; 0 if none does.", nil, nil)
}

// Describe implements prometheus.Collector.
func (c accessCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.refused(), c.tokens(), c.broken(), c.expires()} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c accessCollector) Collect(ch chan<- prometheus.Metric) {
	st := c.guard.State(time.Now())
	for reason, n := range map[string]uint64{"unauthenticated": st.Unauthenticated, "permission_denied": st.Denied, "too_many_requests": st.Limited} {
		ch <- prometheus.MustNewConstMetric(c.refused(), prometheus.CounterValue, float64(n), reason)
	}
	ch <- prometheus.MustNewConstMetric(c.tokens(), prometheus.CounterValue, float64(st.WrongTokens))
	broken, expires := 0.0, 0.0
	if st.Broken != "" {
		broken = 1
	}
	if !st.Expires.IsZero() {
		expires = float64(st.Expires.Unix())
	}
	ch <- prometheus.MustNewConstMetric(c.broken(), prometheus.GaugeValue, broken)
	ch <- prometheus.MustNewConstMetric(c.expires(), prometheus.GaugeValue, expires)
}
