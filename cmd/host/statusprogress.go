package main

import (
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/internal/bytesize"
	"github.com/pontoon-raft/pontoon/internal/clusterdoc"
)

// progress is a table of the leader's followers; nothing without a leader that has some.
func (s clusterStatus) progress(w io.Writer) error {
	for _, m := range s.Members {
		if !m.Reachable || m.ID != s.Leader || len(m.Progress) == 0 {
			continue
		}
		fmt.Fprintln(w)
		return table(w, func(w io.Writer) {
			row(w, "FOLLOWER", "STATE", "BEHIND", "IN FLIGHT", "LAST CONTACT")
			for _, p := range m.Progress {
				row(w, p.ID, p.State, lackOf(p), bytesize.About(p.InFlightBytes), fmt.Sprintf("%.1f s ago", float64(p.LastContactMs)/1000))
			}
		})
	}
	return nil
}

// lackOf says for people how much a follower lacks.
func lackOf(p clusterdoc.PeerProgress) string {
	switch {
	case p.LagEntries == nil || p.LagBytes == nil:
		return "unknown"
	case *p.LagEntries == 0:
		return "nothing"
	default:
		return fmt.Sprintf("%d entries, %s", *p.LagEntries, bytesize.About(*p.LagBytes))
	}
}
