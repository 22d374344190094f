package events

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// The table of kinds in docs/events.md has the kinds that there are, in their order.
func TestTheKindsAreThoseOfTheTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []Kind
	table := regexp.MustCompile(`(?s)\| Kind \| When \|\n(.*?)\n\n`).FindSubmatch(page)
	if table == nil {
		t.Fatal("docs/events.md has no table of kinds")
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllSubmatch(table[1], -1) {
		documented = append(documented, Kind(row[1]))
	}
	if !slices.Equal(documented, Kinds()) {
		t.Errorf("documented are %v, there are %v", documented, Kinds())
	}
}
