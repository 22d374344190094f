package httptransport

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
)

// probeAnswer is what GET /raft/probing answers.
type probeAnswer struct {
	OK  bool
	Now time.Time
}

// maxProbeAnswer bounds the bytes of an answer that are looked at.
const maxProbeAnswer = 1 << 10

// decodeProbe reads an answer. Its time must be one of those that nanoseconds since 1970
// can say: a difference to any other, or to none, tells nothing of a clock.
func decodeProbe(body io.Reader) (probeAnswer, error) {
	var a probeAnswer
	if err := json.NewDecoder(io.LimitReader(body, maxProbeAnswer)).Decode(&a); err != nil {
		return probeAnswer{}, err
	}
	if year := a.Now.UTC().Year(); year < 1970 || year > 2261 {
		return probeAnswer{}, fmt.Errorf("the peer's clock says %s", a.Now.UTC().Format(time.RFC3339))
	}
	return a, nil
}

// A prober asks a peer from time to time how long a round trip takes and what
// its clock says. While no stream to or from the peer is up, it asks more
// often: a member that was removed, and has nothing to send, learns so from
// the answer (statement B1).
type prober struct{ peer *peer }

func (b prober) run(ctx context.Context) {
	t := b.peer.e.timing
	for {
		err := b.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := t.probe
		if !b.peer.facts.Connected() {
			wait = t.Knock
		}
		if b.peer.e.Refused(b.peer, err) {
			wait = t.Removed
		}
		if !pause.For(ctx, wait) {
			return
		}
	}
}

// judge decides about an answer. One of success without a greeting may be of
// any program that happens to be at the URL, so it says nothing of the peer.
func (b prober) judge(response *http.Response) error {
	if response.StatusCode == http.StatusOK && response.Header.Get(headerStore) == "" {
		return nil
	}
	return b.peer.judge(response, func() error {
		if response.StatusCode != http.StatusOK {
			return answerError(response, b.peer.e.self)
		}
		return nil
	})
}

// probe asks once.
func (b prober) probe(ctx context.Context) error {
	base := b.peer.urls.Pick()
	if base == nil {
		return peerurls.ErrNone
	}
	ctx, cancel := context.WithTimeout(ctx, b.peer.e.timing.Dial)
	defer cancel()
	started := time.Now()
	response, err := b.ask(ctx, base)
	if err != nil {
		return err
	}
	defer closeAnswer(response)
	if err := b.judge(response); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	took := time.Since(started)
	answer, err := decodeProbe(response.Body)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	b.peer.facts.probed(took, answer.Now.Sub(started.Add(took/2)))
	return nil
}

// ask sends the question to the peer at a URL.
func (b prober) ask(ctx context.Context, base *url.URL) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(pathProbing).String(), nil)
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	b.peer.e.mark(request.Header, b.peer.id)
	response, err := b.peer.clients.probe.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", base, err)
	}
	return response, nil
}
