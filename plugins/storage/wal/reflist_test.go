package wal

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRefListIsASlice compares the list with the slice that it stands for.
func TestRefListIsASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list refList
		var want []entryRef
		next := uint32(0)
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 3*pageRefs).Draw(t, "n") {
					next++
					list.push(entryRef{offset: next})
					want = append(want, entryRef{offset: next})
				}
			},
			"truncate": func(t *rapid.T) {
				n := rapid.IntRange(0, len(want)).Draw(t, "n")
				list.truncate(n)
				want = want[:n]
			},
			"drop": func(t *rapid.T) {
				n := rapid.IntRange(0, len(want)).Draw(t, "n")
				list.drop(n)
				want = want[n:]
			},
			"": func(t *rapid.T) {
				if list.len() != len(want) {
					t.Fatalf("len = %d, want %d", list.len(), len(want))
				}
				from := rapid.IntRange(0, len(want)).Draw(t, "from")
				to := rapid.IntRange(from, len(want)).Draw(t, "to")
				if got := list.appendTo(nil, from, to); !slices.Equal(got, want[from:to]) {
					t.Fatalf("refs [%d,%d) differ", from, to)
				}
				if from < len(want) && list.at(from) != want[from] {
					t.Fatalf("ref %d differs", from)
				}
			},
		})
	})
}
