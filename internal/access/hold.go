package access

import (
	"fmt"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// holds are the requests that last, by the token that they came with. They end
// with their token.
type holds struct {
	mu   sync.Mutex
	byID map[string]map[*hold]struct{}
}

type hold struct {
	who Identity
	end func(error)
}

// Hold calls end once when the token that i was proved by is not good for i's role
// any more: it has expired, was revoked, or has another name or role now. That is
// noticed within Policy.Reload. Release takes the call back; it must be called when the
// request is over. End must not wait and must not call the Guard.
func (g *Guard) Hold(i Identity, end func(error)) (release func()) {
	if g == nil || i.Token == "" {
		return func() {}
	}
	h := &hold{i, end}
	g.holds.mu.Lock()
	defer g.holds.mu.Unlock()
	if g.holds.byID == nil {
		g.holds.byID = map[string]map[*hold]struct{}{}
	}
	if g.holds.byID[i.Token] == nil {
		g.holds.byID[i.Token] = map[*hold]struct{}{}
	}
	g.holds.byID[i.Token][h] = struct{}{}
	return func() {
		g.holds.mu.Lock()
		defer g.holds.mu.Unlock()
		delete(g.holds.byID[i.Token], h)
		if len(g.holds.byID[i.Token]) == 0 {
			delete(g.holds.byID, i.Token)
		}
	}
}

// Run reads the file of tokens again when it changes, ends what tokens that have
// ended still hold, and forgets clients that use nothing, until stop is closed.
func (g *Guard) Run(stop <-chan struct{}) {
	if g == nil {
		return
	}
	for !pause.Until(stop, g.policy.Reload) {
		g.tick(time.Now())
	}
}

func (g *Guard) tick(now time.Time) {
	if g.tokens != nil {
		g.tokens.reload()
		g.endHolds(now)
	}
	g.usage.sweep(now)
}

// endHolds ends the requests of tokens that are of no use any more.
func (g *Guard) endHolds(now time.Time) {
	g.holds.mu.Lock()
	defer g.holds.mu.Unlock()
	for id, all := range g.holds.byID {
		k, ok := g.tokens.find(id)
		for h := range all {
			if why := k.changed(ok, h.who, now); why != "" {
				delete(all, h)
				h.end(g.counts.counted(&Refusal{Err: ErrUnauthenticated, Detail: fmt.Sprintf("the token %s of %s %s", id, h.who.Name, why)}))
			}
		}
	}
}

// changed says why the token does not stand for a client any more; "" if it does.
func (k known) changed(there bool, who Identity, now time.Time) string {
	switch {
	case !there:
		return "was taken out of the file"
	case k.ended(now) != "":
		return k.ended(now)
	case k.Name != who.Name || k.role != who.Role:
		return "was given another name or role"
	}
	return ""
}
