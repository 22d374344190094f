package core

import (
	"cmp"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// Health is how a host does at one moment, for what supervises its process. Clients and
// operators ask the host's ports.
type Health struct {
	// NotReady is why the member does not serve clients; nil if it serves. It is the
	// reason that /readyz of the admin port gives.
	NotReady error
	// NotLive: raft's clock stands still, which another start of the process may help. It is
	// nil while there is no raft node, as during a start. It is the reason that /livez gives.
	NotLive error
	// Text is what the member does, for people: "leads in term 7, 3 of 3 members connected".
	Text string
}

// Health can be asked from New on, by any goroutine. It does not wait.
func (h *Host) Health() Health {
	return Health{NotReady: h.server.Ready(), NotLive: h.server.Live(), Text: h.doing(h.server.Status())}
}

// doing says what a member does.
func (h *Host) doing(st server.Status) string {
	connected := 1
	for _, l := range st.Links {
		if l.Apart == 0 {
			connected++
		}
	}
	text := "follows"
	switch {
	case st.Leader == 0:
		return fmt.Sprintf("%s without a leader in term %d", st.Role, st.Term)
	case st.Leader == st.ID:
		text = "leads"
	default:
		leader, _ := h.Cluster().Member(uint64(st.Leader))
		text += " " + cmp.Or(leader.Name, st.Leader.String())
	}
	return fmt.Sprintf("%s in term %d, %d of %d members connected", text, st.Term, connected, len(st.Links)+1)
}
