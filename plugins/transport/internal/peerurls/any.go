package peerurls

import (
	"context"
	"errors"
	"net/url"
)

var errNone = errors.New("no URL that can be used")

// Any asks under all URLs at the same time. It is nil as soon as one of them
// answers, and else what each came to. ask returns soon after its context has
// ended; Any returns after all of them.
func Any(ctx context.Context, urls []*url.URL, ask func(ctx context.Context, u *url.URL) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan error, len(urls))
	for _, u := range urls {
		go func() { answers <- ask(ctx, u) }()
	}
	if len(urls) == 0 {
		return errNone
	}
	found := false
	var errs []error
	for range urls {
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
