// Package docs holds the checks of this repository's documents: that links
// lead somewhere, that names in code exist, and that every dependency has a
// reason. It has no code to call.
package docs
