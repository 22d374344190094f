// Package clusterdoc makes one document of a cluster of what its members say of
// themselves, and judges it. The document and its verdict are made here alone, so that
// no two views of a cluster disagree.
package clusterdoc
