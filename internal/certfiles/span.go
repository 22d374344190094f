package certfiles

import (
	"time"

	"github.com/pontoon-raft/pontoon/membercert"
)

// soon is how long before its end a certificate ends soon, or a third of its life
// if that is less: one that lives for a day is not always about to end.
const soon = 30 * 24 * time.Hour

// A Span is the time in which what is in a file is good.
type Span struct{ Begin, End time.Time }

// SpanOf is the span of a PEM text: that of a chain, which ends with the first of
// its certificates, or that of authorities, which end with the last.
func SpanOf(text []byte, authorities bool) (Span, error) {
	all, err := membercert.Certificates(text)
	if err != nil {
		return Span{}, err
	}
	s := Span{all[0].NotBefore, all[0].NotAfter}
	for _, c := range all[1:] {
		if c.NotAfter.After(s.End) == authorities {
			s = Span{c.NotBefore, c.NotAfter}
		}
	}
	return s, nil
}

// EndsSoon tells whether a new certificate is due, or overdue.
func (s Span) EndsSoon(now time.Time) bool {
	return s.End.Sub(now) < min(soon, s.End.Sub(s.Begin)/3)
}
