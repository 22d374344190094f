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
// a member that it knows, shows its store.
func (p *peer) Identify(ctx context.Context, base *url.URL) error {
	b := prober{p}
	response, err := b.ask(ctx, base)
	if err != nil {
		return err
	}
	defer closeAnswer(response)
	if err := b.judge(response); err != nil {
		return fmt.Errorf("%s: %w", base, err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get(headerStore) == "" {
		return fmt.Errorf("%s: %w", base, errNoGreeting)
	}
	return nil
}
