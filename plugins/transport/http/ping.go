package httptransport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

var errNoGreeting = errors.New("the answer does not say which member gives it")

// Identify implements shell.Peer. A member that is asked for by its id, by
// a member that it knows, shows its store. The answer counts for this question alone:
// at that URL another process than the peer's may answer in its name.
func (p *peer) Identify(ctx context.Context, base *url.URL) error {
	response, err := prober{p}.ask(ctx, base)
	if err != nil {
		return err
	}
	defer closeAnswer(response)
	if err := p.identified(response); err != nil {
		return fmt.Errorf("%s: %w", base, err)
	}
	return nil
}

func (p *peer) identified(response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		return answerError(response, p.e.self)
	}
	greeting, err := greetingOf(response.Header)
	switch {
	case err != nil:
		return err
	case greeting.Store == 0:
		return errNoGreeting
	}
	if m := p.e.Book.Judge(p.id, greeting); m != nil {
		return m
	}
	return nil
}
