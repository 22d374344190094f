package main

import (
	"fmt"
	"io"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/bytesize"
)

// peerProgress is how a follower gets on, as its leader sees it.
type peerProgress struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Match uint64 `json:"match"`
	// LagEntries and LagBytes are null if the follower has not said in this term what it has.
	LagEntries    *uint64 `json:"lag_entries"`
	LagBytes      *uint64 `json:"lag_bytes"`
	InFlightBytes uint64  `json:"in_flight_bytes"`
	LastContactMs uint64  `json:"last_contact_ms"`
	StalledMs     uint64  `json:"stalled_ms"`
	Why           string  `json:"why"`
}

func progressOf(st *hostv1.StatusResponse) []peerProgress {
	all := []peerProgress{}
	for _, p := range st.GetProgress() {
		all = append(all, peerProgress{
			ID: p.GetId(), State: p.GetState(), Match: p.GetMatch(), LagEntries: p.LagEntries, LagBytes: p.LagBytes,
			InFlightBytes: p.GetInFlightBytes(), LastContactMs: p.GetLastContactMs(), StalledMs: p.GetStalledMs(), Why: p.GetWhy(),
		})
	}
	return all
}

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
				row(w, p.ID, p.State, p.lack(), bytesize.About(p.InFlightBytes), fmt.Sprintf("%.1f s ago", float64(p.LastContactMs)/1000))
			}
		})
	}
	return nil
}

// lack says for people how much a follower lacks.
func (p peerProgress) lack() string {
	switch {
	case p.LagEntries == nil || p.LagBytes == nil:
		return "unknown"
	case *p.LagEntries == 0:
		return "nothing"
	default:
		return fmt.Sprintf("%d entries, %s", *p.LagEntries, bytesize.About(*p.LagBytes))
	}
}
