//go:build !levelahead

package member

// A build understands ahead levels more than its code writes: none.
const ahead = 0
