package pluginrecord

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// events reads all that there is.
func events(t *testing.T, o *Opened) (lines []string) {
	t.Helper()
	in, err := o.Series()
	if err != nil {
		t.Fatal(err)
	}
	for e, err := in.Next(); err == nil; e, err = in.Next() {
		lines = append(lines, brief(&e))
	}
	return lines
}

// A record that is opened is read again as it was, whatever the host does meanwhile: its plan would be that of
// other events.
func TestARecordIsReadAgainWhileItsHostGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	r, w := byHand(t, path)
	w.batch()
	write := func(method string) {
		r.put(Event{Kind: Call, Life: 1, Call: r.nextCall(), Method: method}, false)
		w.batch()
	}
	write("/s/Append")
	o, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	before := events(t, o)
	write("/s/Space") // the file is longer
	r.renew = true
	write("/s/Compact") // and another one is at the path
	if err := os.Remove(olderName(path, 1)); err != nil {
		t.Fatal(err)
	}
	want := []string{"life echo 3", "call Append"}
	if after := events(t, o); !slices.Equal(before, want) || !slices.Equal(after, want) {
		t.Errorf("%q, and then %q; want %q", before, after, want)
	}
}

// A path that names no file is refused, and not waited for.
func TestADirectoryIsNoRecord(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoRecord) {
		t.Errorf("%v", err)
	}
}
