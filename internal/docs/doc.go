// Package docs holds the checks of this repository's documents: that links
// lead somewhere, that the names of code in them and in comments exist, that every
// dependency has a
// reason, and that documents and comments are easy to read. It has no code to call.
package docs
