package engine

import (
	"path/filepath"
	"testing"
)

// A text of many statements is copied once, and not with each of them: that would cost the square of its length.
func TestTheRestOfATextIsNotCopied(t *testing.T) {
	c, err := Open(filepath.Join(t.TempDir(), "x.db"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	first := "SELECT 1; SELECT 2; SELECT 3"
	rest, copied := first, uintptr(0)
	for range 3 {
		stmt, after, err := c.Prepare(rest)
		if err != nil || stmt == nil {
			t.Fatal(err)
		}
		stmt.Close()
		if copied != 0 && c.copied != copied {
			t.Errorf("%q is copied", rest)
		}
		rest, copied = after, c.copied
	}
	if stmt, _, err := c.Prepare("SELECT absent"); err == nil || stmt != nil || c.copied == copied && c.sql == first {
		t.Errorf("another text: %v", err)
	}
}
