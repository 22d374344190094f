//go:build levelahead

package member

// ahead makes a build that stands for the next one and writes nothing new: tests mix
// it with this one (make a cluster of it, and this build does not come in again).
const ahead = 1
