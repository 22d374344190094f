//go:build linux

package hostile

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// A tally is how guesses were answered.
type tally struct {
	mu                      sync.Mutex
	refused, limited, taken int
}

func (t *tally) add(code int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case code == http.StatusUnauthorized:
		t.refused++
	case code == http.StatusTooManyRequests:
		t.limited++
	case code != 0 && code < 400:
		t.taken++
	}
}

// wrongTokens shows tokens that are not known, by all ways in. None is taken; they
// are counted, and beyond what one address may ask for they are refused as that. An
// honest client of the same address has its own token.
func wrongTokens(a *assault) {
	began, before := time.Now(), a.wrongTokensCounted()
	var t tally
	a.times(attackers, func(i int) { a.guessJSON(a.members[i%len(a.members)], &t) })
	a.times(attackers, func(i int) { a.guessRPC(a.members[i%len(a.members)], &t) })
	a.wg.Wait()
	took, counted := time.Since(began), a.wrongTokensCounted()-before
	most := len(a.members) * guessesPerSecond * (int(took.Seconds()) + 2)
	if t.taken > 0 || t.refused == 0 || t.limited == 0 || t.refused > most {
		a.Errorf("of the guesses %d were taken, %d found wrong, %d too many; at most %d may be found wrong", t.taken, t.refused, t.limited, most)
	}
	if counted < t.refused+t.limited {
		a.Errorf("%d wrong tokens are counted, of %d", counted, t.refused+t.limited)
	}
	a.Logf("%d guesses were found wrong, %d were too many, %d are counted", t.refused, t.limited, counted)
}

func (a *assault) guessJSON(to *member, t *tally) {
	for n := 0; !a.over(); n++ {
		w := &way{token: a.way.wrong}
		if n%2 == 0 {
			w.token = fmt.Sprint("pontoon_", n)
		}
		code, _ := w.get(to.client, "/v1/status")
		t.add(code)
		code, _ = w.get(to.admin, "/metrics")
		t.add(code)
	}
}

func (a *assault) guessRPC(to *member, t *tally) {
	conn, err := grpc.NewClient(to.client, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		a.Error(err)
		return
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(a.ctx, "authorization", "Bearer "+a.way.wrong)
	for !a.over() {
		_, err := hostv1.NewHostClient(conn).Propose(ctx, &hostv1.ProposeRequest{Data: kv.EncodePut([]byte("guess"), nil)})
		t.add(map[codes.Code]int{
			codes.OK: http.StatusOK, codes.Unauthenticated: http.StatusUnauthorized, codes.ResourceExhausted: http.StatusTooManyRequests,
		}[status.Code(err)])
		if stream, err := hostv1.NewHostClient(conn).Proposals(ctx); err == nil {
			_, err = stream.Recv()
			t.add(map[codes.Code]int{codes.Unauthenticated: http.StatusUnauthorized, codes.ResourceExhausted: http.StatusTooManyRequests}[status.Code(err)])
		}
	}
}

// wrongTokensCounted is what the metrics of all members say.
func (a *assault) wrongTokensCounted() (all int) {
	const name = "pontoon_access_wrong_tokens_total "
	for _, m := range a.members {
		_, body := a.way.administers().get(m.admin, "/metrics")
		at := strings.LastIndex(string(body), "\n"+name)
		if at < 0 {
			a.Errorf("member %d has no metric %s", m.id, name)
			continue
		}
		var n float64
		_, _ = fmt.Sscanf(string(body[at+1+len(name):]), "%g", &n)
		all += int(n)
	}
	return all
}
