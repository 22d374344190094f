package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// CrashFindings are what was in a store that was opened after a crash.
type CrashFindings struct {
	// Log is the text of a CrashLog.
	Log       string
	Snapshots []uint64
	Store     uint64
}

// Examine reads all that is in a store whose Open has answered st. An error says
// that the store contradicts itself, or has a snapshot that no CrashWorkload wrote.
func Examine(s storage.Storage, st storage.State) (f CrashFindings, err error) {
	l := CrashLog{Hard: st.HardState, Base: st.Terms[0]}
	if st.LastIndex >= st.FirstIndex {
		if l.Entries, err = s.Read(context.Background(), st.FirstIndex, st.LastIndex+1, 1<<30); err != nil {
			return CrashFindings{}, err
		}
	}
	if got, want := fmt.Sprint(st.Terms), fmt.Sprint(l.Terms()); got != want {
		return CrashFindings{}, fmt.Errorf("term boundaries %s, the entries have %s", got, want)
	}
	f = CrashFindings{Log: l.String(), Store: st.StoreID}
	for _, info := range st.Snapshots {
		f.Snapshots = append(f.Snapshots, info.Metadata.Index)
		if err := readWhole(s, info.Metadata.Index); err != nil {
			return CrashFindings{}, err
		}
	}
	return f, nil
}

// readWhole compares a snapshot with what CrashWorkload wrote.
func readWhole(s storage.Storage, index uint64) error {
	r, err := s.OpenSnapshot(context.Background(), index)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if !bytes.Equal(content, snapshotContent(index)) {
		return fmt.Errorf("snapshot %d has other content", index)
	}
	return nil
}

func snapshotContent(index uint64) []byte { return bytes.Repeat([]byte{byte(index)}, 1500) }
