package transport_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A field that a side does not say contradicts nothing, but for a store that
// is known.
// Rule TR-27.
func TestJudge(t *testing.T) {
	const none = pluginv1.MismatchReason_MISMATCH_UNSPECIFIED
	whole := transport.Greeting{Store: 1, Number: 2, Founding: 3}
	for _, c := range []struct {
		name      string
		own, peer transport.Greeting
		known     uint64
		want      transport.MismatchReason
	}{
		{"nobody says anything", transport.Greeting{}, transport.Greeting{}, 0, none},
		{"the peer says nothing", whole, transport.Greeting{}, 0, none},
		{"this node says nothing", transport.Greeting{}, whole, 0, none},
		{"the known store", whole, transport.Greeting{Store: 9, Number: 2, Founding: 3}, 9, none},
		{"another store than known", whole, transport.Greeting{Store: 8, Number: 2, Founding: 3}, 9, transport.MismatchStore},
		{"no store where one is known", whole, transport.Greeting{Number: 2, Founding: 3}, 9, transport.MismatchStore},
		{"another founding", whole, transport.Greeting{Store: 9, Number: 2, Founding: 4}, 9, transport.MismatchFounding},
		{"another founding, none said here", transport.Greeting{Number: 2}, transport.Greeting{Number: 2, Founding: 4}, 0, none},
		{"another number", whole, transport.Greeting{Store: 9, Number: 5, Founding: 3}, 9, transport.MismatchNumber},
		{"another number, none said there", whole, transport.Greeting{Store: 9, Founding: 3}, 9, none},
		{"all of it: the store comes first", whole, transport.Greeting{Store: 8, Number: 8, Founding: 8}, 9, transport.MismatchStore},
		{"founding comes before number", whole, transport.Greeting{Number: 8, Founding: 8}, 0, transport.MismatchFounding},
		{"the same store here and there is not judged", whole, whole, 0, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := none
			m := c.own.Judge(c.peer, c.known)
			if m != nil {
				got = m.Reason
				if m.Own != c.own || m.Peer != c.peer {
					t.Errorf("it tells of %v and %v", m.Own, m.Peer)
				}
			}
			if got != c.want {
				t.Fatalf("%v, want %v", got, c.want)
			}
		})
	}
}

// Without known stores two members judge each other alike, and each reason
// that is given is one.
func TestBothSidesJudgeAlike(t *testing.T) {
	// Few values, so that equal ones are frequent.
	few := rapid.Uint64Range(0, 3)
	greetings := rapid.Custom(func(t *rapid.T) transport.Greeting {
		return transport.Greeting{Store: few.Draw(t, "store"), Number: few.Draw(t, "number"), Founding: few.Draw(t, "founding")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, known := greetings.Draw(t, "a"), greetings.Draw(t, "b"), few.Draw(t, "known")
		here, there := a.Judge(b, 0), b.Judge(a, 0)
		if (here == nil) != (there == nil) || here != nil && here.Reason != there.Reason {
			t.Fatalf("%v of one side, %v of the other", here, there)
		}
		m := a.Judge(b, known)
		wrongStore := known != 0 && known != b.Store
		if wrongStore != (m != nil && m.Reason == transport.MismatchStore) {
			t.Fatalf("known with %d, says %d: %v", known, b.Store, m)
		}
		if !wrongStore && ((m == nil) != (here == nil) || m != nil && m.Reason != here.Reason) {
			t.Fatalf("the store fits, and changes %v to %v", here, m)
		}
	})
}

// The operator of either side reads one sentence that names both values.
func TestMismatchSentences(t *testing.T) {
	own := transport.Greeting{Store: 0xa1, Number: 0xa2, Founding: 0xa3}
	peer := transport.Greeting{Store: 0xb1, Number: 0xb2, Founding: 0xb3}
	for _, c := range []struct {
		name    string
		m       transport.Mismatch
		verdict transport.MismatchVerdict
		want    []string
	}{
		{"store", transport.Mismatch{Reason: transport.MismatchStore, Own: own, Peer: peer, Known: 0xc1}, transport.VerdictJudged, []string{"00c1", "00b1"}},
		{"store, refused", transport.Mismatch{Reason: transport.MismatchStore, Own: own, Peer: peer, Known: 0xc1}, transport.VerdictRefusedByPeer, []string{"00c1", "00a1"}},
		{"store, none said", transport.Mismatch{Reason: transport.MismatchStore, Own: own, Known: 0xc1}, transport.VerdictJudged, []string{"00c1", "none"}},
		{"founding", transport.Mismatch{Reason: transport.MismatchFounding, Own: own, Peer: peer}, transport.VerdictJudged, []string{"00a3", "00b3"}},
		{"number, refused", transport.Mismatch{Reason: transport.MismatchNumber, Own: own, Peer: peer}, transport.VerdictRefusedByPeer, []string{"00a2", "00b2", "refused this node"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := c.m.Event(7, c.verdict)
			if e.Peer != 7 || e.Reason != c.m.Reason || e.Verdict != c.verdict || transport.Greeting(e.Greeting) != c.m.Peer || e.Known != c.m.Known {
				t.Errorf("event %+v of %+v", e, c.m)
			}
			for _, part := range c.want {
				if !strings.Contains(e.Detail, part) {
					t.Errorf("%q does not name %s", e.Detail, part)
				}
			}
		})
	}
}
