package pluginrecord

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
)

// A host that is started again and again leaves the record of its first life, which may
// tell why: short files do not push out a long one.
func TestShortLivesDoNotPushOutARecord(t *testing.T) {
	options := Options{Path: filepath.Join(t.TempDir(), "record"), MaxFileBytes: MinFileBytes, MaxFiles: 2}
	r := record(t, rpctest.Carriers()["grpc"], options)
	s, err := r.client().Append(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.append(s, 1, MinFileBytes/2)
	r.Close()
	for range 5 * options.MaxFiles {
		record(t, rpctest.Carriers()["grpc"], options).Close()
	}
	files, err := Files(options.Path)
	if err != nil {
		t.Fatal(err)
	}
	if n := size(t, files[0]); n < MinFileBytes/2 || len(files) != 5*options.MaxFiles+1 {
		t.Errorf("after ten more lives there are %d files, and the first one has %d bytes", len(files), n)
	}
}

// Files are removed by their bytes, the oldest first, and all that are older than one that
// does not fit.
func TestTheOldestFilesAreRetired(t *testing.T) {
	for _, c := range []struct {
		sizes []int64
		left  []uint64
	}{
		{nil, nil},
		{[]int64{MinFileBytes, MinFileBytes, MinFileBytes}, []uint64{2, 3}},
		{[]int64{10, MinFileBytes, MinFileBytes}, []uint64{2, 3}},
		{[]int64{10, 2 * MinFileBytes, 10, 10}, []uint64{3, 4}},
		{[]int64{10, 10, 10, 10, 10}, []uint64{1, 2, 3, 4, 5}},
	} {
		o := Options{Path: filepath.Join(t.TempDir(), "record"), MaxFileBytes: MinFileBytes, MaxFiles: 3}
		for i, n := range c.sizes {
			path := olderName(o.Path, uint64(i+1))
			if err := os.WriteFile(path, []byte(magic), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, max(n, int64(len(magic)))); err != nil {
				t.Fatal(err)
			}
		}
		before, err := numbered(o.Path)
		if err == nil {
			err = retire(o, before)
		}
		if err != nil {
			t.Fatal(err)
		}
		if left, err := numbered(o.Path); err != nil || !slices.Equal(left, c.left) {
			t.Errorf("of files of %d bytes %d are left, want %d, error %v", c.sizes, left, c.left, err)
		}
	}
}

// However short they are, there are no more than a thousand.
func TestThereAreAThousandFilesAtMost(t *testing.T) {
	o := Options{Path: filepath.Join(t.TempDir(), "record"), MaxFileBytes: MinFileBytes, MaxFiles: 2}
	for i := range uint64(MaxFiles + 5) {
		if err := os.WriteFile(olderName(o.Path, i+1), []byte(magic), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := nextFile(o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if files, err := Files(o.Path); err != nil || len(files) != MaxFiles {
		t.Errorf("there are %d files, error %v", len(files), err)
	}
}

// Each try to write to a disk that is full leaves no file without an event.
func TestAFileWithoutAnEventIsNotKept(t *testing.T) {
	o := Options{Path: filepath.Join(t.TempDir(), "record")}.WithDefaults()
	for _, text := range []string{"", magic[:5], magic, magic + "\x20\x00"} {
		if err := os.WriteFile(o.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := nextFile(o)
		if err != nil {
			t.Fatalf("after %q: %v", text, err)
		}
		f.Close()
		if older, err := numbered(o.Path); err != nil || len(older) > 0 {
			t.Errorf("a file with %q is kept as %d, error %v", text, older, err)
		}
	}
}

// A disk that stays full is tried less and less often.
func TestTriesBecomeRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(Options{Path: "record"}, Of{Logger: discard()})
		var pauses []time.Duration
		for range 9 {
			r.wrote(nil, 0, errors.New("no space"))
			pauses = append(pauses, time.Until(r.retry))
		}
		want := "[10s 20s 40s 1m20s 2m40s 5m20s 10m0s 10m0s 10m0s]"
		if fmt.Sprint(pauses) != want {
			t.Errorf("pauses of %v, want %s", pauses, want)
		}
		r.wrote([]item{{}}, 10, nil)
		r.wrote(nil, 0, errors.New("no space"))
		if again := time.Until(r.retry); again != retryAfter {
			t.Errorf("after a success the pause is %v", again)
		}
	})
}
