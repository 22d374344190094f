package replay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
)

// file is a record of events that were made up, with the right checksums.
func file(kind string, events [][]byte) []byte {
	b := []byte("pontoon-plugin-record/1\n")
	header := append([]byte{8, 1, 11 << 3, 1, 12 << 3, 1, 13<<3 | 2, byte(len(kind))}, kind...)
	for _, e := range append([][]byte{header}, events...) {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(e)))
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(e, crc32.MakeTable(crc32.Castagnoli)))
		b = append(b, e...)
	}
	return b
}

// event is one of a call of the first life.
func event(kind, call byte, method string, message []byte) []byte {
	b := []byte{8, kind, 3 << 3, 1, 4 << 3, call}
	if method != "" {
		b = append(append(b, 5<<3|2, byte(len(method))), method...)
	}
	if len(message) > 0 {
		b = append(binary.AppendUvarint(append(b, 15<<3|2), uint64(len(message))), message...)
	}
	return b
}

// counted is a file as a source.
type counted struct {
	*pluginrecord.Reader
	number uint64
}

func (c *counted) Number() uint64 { return c.number }

func (c *counted) Next() (pluginrecord.Event, error) {
	e, err := c.Reader.Next()
	if err == nil {
		c.number++
	}
	return e, err
}

// FuzzReplay plans the replay of events that were made up. Each beginning that is found is one of the
// record's events, and has a call.
func FuzzReplay(f *testing.F) {
	apply := event(4, 2, pluginv1.StateMachine_Apply_FullMethodName, nil)
	prepare := event(5, 2, "", []byte{2 << 3, 1, 5 << 3, 1})
	prepared := event(6, 2, "", []byte{8, 1, 3 << 3, 9, 4 << 3, 7})
	save := event(4, 3, pluginv1.StateMachine_SaveSnapshot_FullMethodName, nil)
	f.Add(bytes.Join([][]byte{apply, prepare, prepared, save, event(5, 3, "", []byte{2 << 3, 7}), event(6, 3, "", []byte{2<<3 | 2, 0}), event(8, 3, "", nil)}, []byte("|")))
	f.Add(bytes.Join([][]byte{event(4, 1, pluginv1.StateMachine_Open_FullMethodName, nil), event(5, 1, "", nil), event(6, 1, "", nil), event(8, 1, "", nil)}, []byte("|")))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := pluginrecord.NewReader(bytes.NewReader(file("statemachine", bytes.Split(b, []byte("|")))))
		if err != nil {
			t.Fatal(err) // the header is sound
		}
		p, err := makePlan(&counted{Reader: r})
		if err != nil {
			if !errors.Is(err, pluginrecord.ErrNoRecord) && !errors.Is(err, pluginrecord.ErrCut) && !errors.Is(err, pluginrecord.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		for n, s := range p.saves {
			if n == 0 || n > p.events || s.call == 0 {
				t.Errorf("a beginning at event %d of %d, with call %d", n, p.events, s.call)
			}
		}
	})
}

// A snapshot that was prepared and then saved as a whole is a beginning.
func TestASavedSnapshotIsABeginning(t *testing.T) {
	events := [][]byte{
		event(4, 2, pluginv1.StateMachine_Apply_FullMethodName, nil), event(5, 2, "", []byte{2 << 3, 1, 5 << 3, 1}), event(6, 2, "", []byte{8, 1, 3 << 3, 9, 4 << 3, 7}),
		event(4, 3, pluginv1.StateMachine_SaveSnapshot_FullMethodName, nil), event(5, 3, "", []byte{2 << 3, 7}), event(6, 3, "", []byte{2<<3 | 2, 0}), event(8, 3, "", nil),
	}
	for cut := len(events); cut > 0; cut-- {
		path := filepath.Join(t.TempDir(), "record")
		if err := os.WriteFile(path, file("statemachine", events[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := planOf(openRecord(t, path))
		if err != nil {
			t.Fatal(err)
		}
		want := cut == len(events)
		if s, ok := p.saves[2]; ok != want || want && s != (save{call: 3, index: 9}) {
			t.Errorf("of the first %d events: %+v", cut, p.saves)
		}
	}
}

func openRecord(t *testing.T, path string) *pluginrecord.Opened {
	t.Helper()
	files, err := pluginrecord.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(files.Close)
	return files
}

// A record of a transport is refused.
func TestATransportIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	if err := os.WriteFile(path, file("transport", nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := planOf(openRecord(t, path)); !errors.Is(err, ErrTransport) {
		t.Error(err)
	}
}
