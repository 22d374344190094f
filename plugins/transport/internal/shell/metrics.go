package shell

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/facts"
)

// WriteFacts writes what all backends know, and the families of each peer that the
// host has named, in Prometheus' text format.
func (s *Station[P]) WriteFacts(w io.Writer, families []facts.Family[P]) error {
	name := s.metrics + "learned_peers"
	if _, err := fmt.Fprintf(w, "# HELP %s Senders known from their own words only.\n# TYPE %s gauge\n%s %d\n",
		name, name, name, len(s.Roster.Learned())); err != nil {
		return err
	}
	if err := s.Trust.Write(w); err != nil {
		return err
	}
	if err := s.Arrivals.Write(w, s.metrics); err != nil {
		return err
	}
	peers := slices.SortedFunc(maps.Values(s.Roster.Named()), func(p, q P) int { return cmp.Compare(p.ID(), q.ID()) })
	for _, family := range families {
		if err := family.Write(w, peers, P.ID); err != nil {
			return err
		}
	}
	return nil
}
