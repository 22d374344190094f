package maintenance

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// foundingOf is the founding of members that are restored from one file with one
// configuration. No other member has it: neither the cluster that the snapshot was taken
// from, nor copies with other members or addresses. sum is the file's SHA-256.
func foundingOf(sum []byte, cluster uint64, members []member.Member) uint64 {
	h := newFounding("restore")
	h.text(string(sum))
	h.number(cluster)
	h.number(uint64(len(members)))
	for _, m := range slices.SortedFunc(slices.Values(members), func(a, b member.Member) int { return cmp.Compare(a.ID, b.ID) }) {
		h.number(uint64(m.ID))
		urls := slices.Sorted(slices.Values(m.PeerURLs))
		h.number(uint64(len(urls)))
		for _, u := range urls {
			h.text(u)
		}
	}
	return h.sum()
}

// recoveredFounding is that of a survivor which begins a cluster alone: no
// other member begins with it, so it is random besides.
func recoveredFounding(index, term, store uint64) uint64 {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	h := newFounding("recover")
	h.number(index)
	h.number(term)
	h.number(store)
	h.text(string(random[:]))
	return h.sum()
}

// founding is the text that a founding hash is made from. Every part has its
// length before it, so that no two lists of parts are alike.
type founding []byte

func newFounding(kind string) *founding {
	f := &founding{}
	f.text(kind)
	return f
}

func (f *founding) number(n uint64) { *f = binary.BigEndian.AppendUint64(*f, n) }

func (f *founding) text(s string) {
	f.number(uint64(len(s)))
	*f = append(*f, s...)
}

// sum is never 0, which means no founding at all.
func (f *founding) sum() uint64 {
	s := sha256.Sum256(*f)
	return max(binary.BigEndian.Uint64(s[:8]), 1)
}
