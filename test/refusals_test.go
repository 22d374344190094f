//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// hostRefusals is what a host says of how long its refusals for want of room took, from
// when a proposal was read off the connection until its refusal was written to it.
type hostRefusals struct {
	buckets map[float64]float64 // so many took at most so many seconds
	count   float64
}

// hostRefusals reads the host's histogram.
func (n *node) hostRefusals() hostRefusals {
	n.t.Helper()
	_, body, err := n.get(n.admin, "/metrics")
	if err != nil {
		n.t.Fatal(err)
	}
	h := hostRefusals{buckets: map[float64]float64{}}
	for _, m := range regexp.MustCompile(`(?m)^pontoon_refusal_duration_seconds_(?:bucket\{le="([^"]+)"\}|count) (\S+)$`).FindAllStringSubmatch(body, -1) {
		value, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			n.t.Fatal(err)
		}
		if m[1] == "" {
			h.count = value
			continue
		}
		bound, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			n.t.Fatal(err)
		}
		h.buckets[bound] = value
	}
	return h
}

// since are the refusals after those of before.
func (h hostRefusals) since(before hostRefusals) hostRefusals {
	d := hostRefusals{buckets: map[float64]float64{}, count: h.count - before.count}
	for bound, n := range h.buckets {
		d.buckets[bound] = n - before.buckets[bound]
	}
	return d
}

// within returns the least bound of a bucket within which a share of the refusals
// was; if there were none, 0.
func (h hostRefusals) within(share float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	least := float64(time.Hour / time.Second)
	for bound, n := range h.buckets {
		if n >= share*h.count {
			least = min(least, bound)
		}
	}
	return time.Duration(least * float64(time.Second))
}

func (h hostRefusals) String() string {
	return fmt.Sprintf("%.0f refusals, half of them within %v, 99%% within %v, 99.9%% within %v", h.count, h.within(0.5), h.within(0.99), h.within(0.999))
}

// lightLoad is how many writes a second are offered to a host that has time for many
// times as many: 13 MB/s.
const lightLoad = 100

// On a machine that has a core for it, a host that has no room refuses values of 100 B
// to 1 MiB within 10 ms, by its own measure and by that of the clients, who send the
// whole value first.
//
// make overload asserts it, for a minute.
func TestARefusalTakesNoTime(t *testing.T) {
	n := newSingle(t)
	n.settings = []string{"api.max_pending_proposals=1"}
	n.startReady()
	cores := watchCores(t, "the host", n.host.PID())
	before := n.hostRefusals()
	l := openLoop(t, n, lightLoad, *overload)
	l.wg.Wait()
	refusals := n.hostRefusals().since(before)
	t.Logf("%s", &l.tally)
	t.Logf("in the host: %s; %s", refusals, cores.per(l.tally.offered))
	if refusals.count < 100 {
		t.Errorf("%.0f refusals: they show nothing", refusals.count)
	}
	f, slack := figures{t, false}, slackRefusal
	if *overload >= overloadProof {
		slack = overloadRefusal
	}
	f.within("99 % of the refusals, in the host", refusals.within(0.99), overloadRefusal, slack)
	f.within("99 % of the refusals, at the clients", l.tally.refusal(0.99), overloadRefusal, slack)
	n.stop()
}

// The share that a histogram shows is that of the least bucket that has it.
func TestHostRefusals(t *testing.T) {
	before := hostRefusals{buckets: map[float64]float64{0.001: 5, 0.01: 5, 1: 5}, count: 5}
	after := hostRefusals{buckets: map[float64]float64{0.001: 55, 0.01: 103, 1: 105}, count: 105}
	h := after.since(before)
	for share, want := range map[float64]time.Duration{0.5: time.Millisecond, 0.98: 10 * time.Millisecond, 0.99: time.Second} {
		if got := h.within(share); got != want {
			t.Errorf("%.2f within %v, want %v", share, got, want)
		}
	}
}
