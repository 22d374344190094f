package peerurls

import (
	"context"
	"errors"
)

var errNone = errors.New("no URL that can be used")

// Any asks at all places at the same time: URLs, or addresses of one. It is nil as soon as one of them
// answers, and else what each came to. ask returns soon after its context has
// ended; Any returns after all of them.
func Any[P any](ctx context.Context, places []P, ask func(ctx context.Context, place P) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan error, len(places))
	for _, place := range places {
		go func() { answers <- ask(ctx, place) }()
	}
	if len(places) == 0 {
		return errNone
	}
	found := false
	var errs []error
	for range places {
		if err := <-answers; err != nil {
			errs = append(errs, err)
			continue
		}
		found = true
		cancel()
	}
	if found {
		return nil
	}
	return errors.Join(errs...)
}
