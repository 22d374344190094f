//go:build !levelahead

package member

// ahead is what a build understands beyond its code's own level: nothing.
const ahead = 0
