package maintenance

import (
	"errors"
	"os"
)

// exchangeInSteps is exchange where it cannot be atomic.
func exchangeInSteps(a, b string) error {
	aside := b + ".swap"
	if err := os.Rename(a, aside); err != nil {
		return err
	}
	if err := os.Rename(b, a); err != nil {
		return errors.Join(err, os.Rename(aside, a))
	}
	return os.Rename(aside, b)
}
