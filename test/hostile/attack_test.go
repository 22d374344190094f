//go:build linux

package hostile

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// An attack is one row of the table.
type attack struct {
	name string
	port string // that it comes to
	long time.Duration
	// least is how long it lasts in the short form, if brief is too short to show
	// anything.
	least time.Duration
	// terms is how often leadership may move; anyTerms if that is what it is about.
	terms int
	run   func(*assault)
}

const (
	anyTerms = -1

	clients, administration, members, everyPort = "clients", "administration", "members", "all"
)

// An assault is an attack under way. All that it opens is closed at its end.
type assault struct {
	testing.TB
	*cluster
	ctx    context.Context // ends when its time is up
	leader *member
	judge  *judge
	wg     sync.WaitGroup

	mu     sync.Mutex
	stores map[*member]string      // of members that have told theirs
	peers  map[uint64]*http.Client // by the member in whose name they ask
}

// brief is how long an attack lasts in the short form.
const brief = time.Second

// lasts is how long the attack lasts.
func (a *attack) lasts() time.Duration {
	if *full {
		return a.long
	}
	return min(a.long, max(brief, a.least))
}

// lapTime is for how long the writers are measured without an attack.
func lapTime() time.Duration {
	if *full {
		return 2 * time.Second
	}
	return 300 * time.Millisecond
}

// of is n in the full form, and a fifth of it in the short one.
func of(n int) int {
	if *full {
		return n
	}
	return max(1, n/5)
}

// judged attacks the cluster, judges it, and fills in the row of the report.
func (a *attack) judged(t *testing.T, c *cluster, number int, f *figures) {
	c.settle(t)
	j := newJudge(t, c)
	prefix := fmt.Sprintf("%03d/", number)
	w := startWriters(t, c, prefix)
	pause(lapTime())
	f.before = w.lap()
	a.strike(t, c, j)
	f.during = w.lap()
	f.served = j.awaitWrites(prefix)
	w.lap()
	pause(lapTime())
	f.after = w.lap()
	w.stop()
	w.check(c.members[0])
	f.peak, f.restarts, f.terms = j.survived(a.terms)
}

// strike runs the attack for its time.
func (a *attack) strike(t *testing.T, c *cluster, j *judge) {
	var leader *member
	if !live.Within(live.Patience, func() bool { leader = c.leader(); return leader != nil }) {
		t.Fatalf("no leader to attack within %v", live.Patience)
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.lasts())
	defer cancel()
	s := &assault{TB: t, cluster: c, ctx: ctx, leader: leader, judge: j}
	a.run(s)
	s.wg.Wait()
}

// pause lets the writers write for so long.
func pause(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	<-ctx.Done()
}

// times runs what attackers do so often at the same time.
func (a *assault) times(n int, do func(i int)) {
	for i := range n {
		a.wg.Go(func() { do(i) })
	}
}

// over reports whether the attack's time is up.
func (a *assault) over() bool { return a.ctx.Err() != nil }
