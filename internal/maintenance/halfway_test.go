package maintenance

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A migration that is killed at any moment after its copy was compared is ended by the next
// command: the copy is in the place, the old store is marked, and the note names the copy. No other command changes the store meanwhile.
func TestAKilledMigrationIsEnded(t *testing.T) {
	const place, made, left = "storage", "storage.pebble.new", "storage.wal.1"
	for name, state := range map[string]map[string]string{
		"before the store was renamed": {place: "old", made: "new"},
		"between the two renames":      {left: "old", made: "new"},
		"before the mark":              {left: "old", place: "new"},
	} {
		for _, noted := range []string{"", "wal"} {
			t.Run(name+", noted "+noted, func(t *testing.T) {
				dir := t.TempDir()
				for folder, text := range state {
					if err := errors.Join(os.Mkdir(filepath.Join(dir, folder), 0o700), os.WriteFile(filepath.Join(dir, folder, "store"), []byte(text), 0o600)); err != nil {
						t.Fatal(err)
					}
				}
				fsys, err := vfs.OS(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer fsys.Close()
				before := datadir.Pins{Storage: noted, Move: &datadir.Move{From: "wal", To: "pebble", Left: left, Phase: datadir.Switching}}
				if err := before.Write(fsys); err != nil {
					t.Fatal(err)
				}
				if _, err := hold(dir); !errors.Is(err, ErrRefused) {
					t.Errorf("another command may change the store: %v", err)
				}
				if _, found, err := EndMigration(dir, "other"); found || err != nil {
					t.Errorf("a migration to another backend: %v, %v", found, err)
				}
				m, found, err := EndMigration(dir, "pebble")
				if err != nil || !found || m.Old != filepath.Join(dir, left) {
					t.Fatalf("%+v, %v, %v", m, found, err)
				}
				for folder, want := range map[string]string{place: "new", left: "old"} {
					if got, err := os.ReadFile(filepath.Join(dir, folder, "store")); string(got) != want {
						t.Errorf("%s has %q, %v", folder, got, err)
					}
				}
				if marked, err := datadir.IsLeft(m.Old); err != nil || !marked {
					t.Errorf("the old store has no mark, %v", err)
				}
				if after, err := datadir.ReadPins(fsys); err != nil || after.Move != nil || after.Storage != "pebble" {
					t.Errorf("noted are %+v, %v", after, err)
				}
				if _, found, err := EndMigration(dir, "pebble"); found || err != nil {
					t.Errorf("once more: %v, %v", found, err)
				}
			})
		}
	}
}
