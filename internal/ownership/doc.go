// Package ownership tells whose a file is, and whether a path leads through links
// of other users, which they could turn at any time. The system's administrator
// (root) is trusted: nothing can be kept from it.
package ownership
