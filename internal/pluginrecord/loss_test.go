package pluginrecord

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// byHand is a recorder of a life, and its writer, which writes when the test says so.
func byHand(t *testing.T, path string) (*Recorder, *writer) {
	t.Helper()
	r := newRecorder(Options{Path: path, MaxFileBytes: MinFileBytes}, Of{Kind: "storage", Logger: discard()})
	r.put(Event{Kind: Life, Life: 1, Name: "echo", Version: "3"}, false)
	w := &writer{Recorder: r, table: checksum()}
	t.Cleanup(w.close)
	return r, w
}

// An event that waited while the disk failed does not stand where the lost ones were, as though none was
// missing: a replay would take the next answer for another one.
func TestWhatComesAfterALossStandsAfterItsGap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	r, w := byHand(t, path)
	w.batch()
	request := func() { r.put(Event{Kind: Request, Life: 1, Message: make([]byte, MinFileBytes)}, false) }
	request()
	lost := r.take()
	request() // begins a file of its own
	r.wrote(lost, 0, errors.New("no space"))
	w.close()
	w.batch()
	r.retry = time.Now()
	r.put(Event{Kind: Call, Life: 1, Call: 1, Method: "/s/Compact"}, false)
	w.batch()
	w.close()
	files, err := Files(path)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := read(t, files...)
	if want := []string{"life echo 3", "gap", "life goes on echo 3", "call Compact"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The record has a gap for the last events too, if the host stops before the next try, or with a
// queue that has no room.
func TestALossAtTheEndIsNamed(t *testing.T) {
	for name, lose := range map[string]func(*Recorder){
		"disk":  func(r *Recorder) { r.wrote(nil, 0, errors.New("no space")) },
		"queue": func(r *Recorder) { r.queued = queueBytes },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "record")
			r, w := byHand(t, path)
			w.batch()
			w.close()
			r.renew = true
			lose(r)
			r.put(Event{Kind: Call, Life: 1, Call: 1, Method: "/s/Append"}, false)
			go r.run()
			r.Close()
			files, err := Files(path)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := read(t, files...)
			if len(got) < 2 || !slices.Contains(got, "gap") || got[len(got)-1] != "end" {
				t.Errorf("%q", got)
			}
		})
	}
}

// A gap counts what is missing, also if the gap before it could not be written, and not what is told
// again.
func TestAGapCountsWhatIsMissing(t *testing.T) {
	r, _ := byHand(t, filepath.Join(t.TempDir(), "record"))
	r.wrote(r.take(), 0, errors.New("no space"))
	for range 1000 {
		r.put(Event{Kind: Request, Life: 1}, false)
	}
	r.retry = time.Now()
	r.put(Event{Kind: Request, Life: 1}, false)
	r.wrote(r.take(), 0, errors.New("no space"))
	if r.lost != 1002 || r.queued != 0 {
		t.Errorf("%d events are counted as missing, of 1002, and %d bytes wait", r.lost, r.queued)
	}
}

// A host that is killed before its first write leaves an empty file. That is cut off, and not
// damaged.
func TestAnEmptyFileIsCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	_, w := byHand(t, path)
	w.batch()
	w.close()
	empty := olderName(path, 1)
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, faults := read(t, path, empty); len(faults) != 1 || !errors.Is(faults[0], ErrCut) {
		t.Errorf("%v", faults)
	}
}
