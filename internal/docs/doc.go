// Package docs holds the checks of this repository's documents and comments: that
// links lead somewhere, that the names of code in them exist, that every dependency
// has a reason, and that they are written plainly. It has no code to call.
package docs
