//go:build !linux

package maintenance

// exchange gives each of two directories the other's name.
func exchange(a, b string) error { return exchangeInSteps(a, b) }
