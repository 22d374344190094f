package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

func formats() []Format {
	return []Format{
		{Backend: "wal", Magic: "PONTWAL\x02", Version: 1, Salted: true},
		{Backend: "pebble", Magic: "PONTPEB\x01", Version: 2},
	}
}

func none([]string) string { return "" }

// A file is read as it was written, and in no other format; no bit of it can change.
func TestRoundTrip(t *testing.T) {
	for _, f := range formats() {
		want := Identity{Owner: Owner{Cluster: 1 << 60, Node: 7, Group: 1}, Store: 1 << 61, Begun: true}
		if f.Salted {
			want.Salt = 99
		}
		b := f.Encode(want)
		if got, ok := f.Decode(b); !ok || got != want {
			t.Errorf("%s: decoded %+v, %v, want %+v", f.Backend, got, ok, want)
		}
		for bit := range len(b) * 8 {
			b[bit/8] ^= 1 << (bit % 8)
			if got, ok := f.Decode(b); ok {
				t.Fatalf("%s: with bit %d turned it is %+v", f.Backend, bit, got)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
		for _, other := range formats() {
			if _, ok := other.Decode(b); ok && other != f {
				t.Errorf("%s reads what %s wrote", other.Backend, f.Backend)
			}
		}
	}
}

// The sizes are on disk: 56 and 52 bytes.
func TestSizes(t *testing.T) {
	for i, want := range []int{56, 52} {
		if f := formats()[i]; len(f.Encode(Identity{})) != want {
			t.Errorf("%s has %d bytes, want %d", f.Backend, len(f.Encode(Identity{})), want)
		}
	}
}

// The id of a store is drawn once, or given once, and stays.
func TestTheStoreIDStays(t *testing.T) {
	for _, f := range formats() {
		for _, given := range []uint64{0, 0x77} {
			fsys := vfs.NewMem()
			opts := plugins.Options{ClusterID: 1, NodeID: 2, Group: 3, StoreID: given}
			first, err := f.Load(fsys, opts, none)
			if err != nil || first.Store == 0 || given != 0 && first.Store != given || first.Begun {
				t.Fatalf("%s: first Load = %+v, %v", f.Backend, first, err)
			}
			if err := f.MarkBegun(fsys, first); err != nil {
				t.Fatal(err)
			}
			opts.StoreID = 0x99
			first.Begun = true
			if again, err := f.Load(fsys, opts, none); err != nil || again != first {
				t.Errorf("%s: second Load = %+v, %v, want %+v", f.Backend, again, err, first)
			}
		}
	}
}

// A refusal says whose the data are, and nothing is written.
func TestWhatIsRefused(t *testing.T) {
	wal, pebble := formats()[0], formats()[1]
	with := func(f Format, change func(*Format)) []byte {
		change(&f)
		return f.Encode(Identity{Store: 1})
	}
	for name, c := range map[string]struct {
		f     Format
		files map[string][]byte
		is    error
		says  string
	}{
		"another node":      {wal, map[string][]byte{Name: wal.Encode(Identity{Owner: Owner{Node: 9}, Store: 1})}, plugins.ErrWrongIdentity, "node 9"},
		"another backend":   {pebble, map[string][]byte{Name: wal.Encode(Identity{Store: 1})}, plugins.ErrWrongIdentity, "of the storage backend wal"},
		"its files alone":   {pebble, map[string][]byte{"0000000000000001.log": nil}, plugins.ErrWrongIdentity, "of the storage backend wal"},
		"an unknown one":    {pebble, map[string][]byte{Name: with(pebble, func(f *Format) { f.Magic = "PONTXYZ\x01" })}, plugins.ErrWrongIdentity, "PONTXYZ"},
		"a later magic":     {wal, map[string][]byte{Name: with(wal, func(f *Format) { f.Magic = "PONTWAL\x03" })}, plugins.ErrWrongIdentity, "format 3, this one is 2"},
		"a later version":   {pebble, map[string][]byte{Name: with(pebble, func(f *Format) { f.Version = 3 })}, plugins.ErrWrongIdentity, "format 3, this one is 2"},
		"damage":            {wal, map[string][]byte{Name: []byte("PONTWAL\x02 and nothing")}, storage.ErrCorrupt, "not a valid identity"},
		"no id":             {wal, map[string][]byte{Name: wal.Encode(Identity{})}, storage.ErrCorrupt, "not a valid identity"},
		"a stray file":      {pebble, map[string][]byte{"stray": nil}, storage.ErrCorrupt, `"stray"`},
		"more than a whole": {wal, map[string][]byte{Name: append(wal.Encode(Identity{Store: 1}), make([]byte, 4096)...)}, storage.ErrCorrupt, "of 4152 bytes"},
	} {
		fsys := vfs.MemOf(c.files)
		_, err := c.f.Load(fsys, plugins.Options{}, func(names []string) string {
			for _, n := range names {
				if n == "stray" {
					return n
				}
			}
			return ""
		})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v and %q", name, err, c.is, c.says)
		}
		if got := fmt.Sprint(fsys.Files()); got != fmt.Sprint(c.files) {
			t.Errorf("%s: the directory became %s", name, got)
		}
	}
	if _, err := wal.Read(vfs.NewMem()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of nothing = %v", err)
	}
}
