package kv

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// golden is the example of docs/formats/kv-snapshot.md: three puts, to "a",
// "b" and "a" again, as the entries 1 to 3.
const golden = "504e544e2d4b561a" + "01000000" + "02000000" +
	"0300000000000000" + "0300000000000000" + "e43f9f0a" +
	"11000000" + "d4ca8a03" +
	"0161" + "03333333" + "030202" +
	"0162" + "023232" + "020001" +
	"00000000" + "ec13f76d" + "0200000000000000" +
	"1e000000" + "0e443527" +
	"00" + "0161" + "0131" + "01000100" +
	"00" + "0162" + "023232" + "02000100" +
	"00" + "0161" + "03333333" + "03020200" +
	"00000000" + "0547adaa" + "0300000000000000"

// older is the same without a history, as builds have written it that kept none.
const older = "504e544e2d4b561a" + "01000000" + "00000000" +
	"0300000000000000" + "0300000000000000" + "9ed01864" +
	"11000000" + "c577b575" +
	"0161" + "03333333" + "030202" +
	"0162" + "023232" + "020001" +
	"00000000" + "c98300fa" + "0200000000000000"

func save(t testing.TB, sm statemachine.StateMachine) []byte {
	t.Helper()
	snap, err := sm.PrepareSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var buf bytes.Buffer
	if err := snap.Save(t.Context(), &buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func smallSnapshot(t testing.TB) []byte {
	t.Helper()
	d := newDriver(t, "")
	d.do(put("a", "1"))
	d.do(put("b", "22"))
	d.do(put("a", "333"))
	return save(t, d.sm)
}

func TestSnapshotBytes(t *testing.T) {
	got := hex.EncodeToString(smallSnapshot(t))
	if got != golden {
		t.Errorf("snapshot\n%s, want\n%s", got, golden)
	}
}

func restoreErr(t *testing.T, index uint64, snapshot []byte) error {
	t.Helper()
	return newDriver(t, "").sm.Restore(t.Context(), index, bytes.NewReader(snapshot))
}

func TestEveryDamagedSnapshotIsRefused(t *testing.T) {
	good := smallSnapshot(t)
	for at := range good {
		for bit := range 8 {
			damaged := bytes.Clone(good)
			damaged[at] ^= 1 << bit
			if err := restoreErr(t, 3, damaged); !errors.Is(err, statemachine.ErrBadSnapshot) {
				t.Errorf("bit %d of byte %d flipped: %v, want %v", bit, at, err, statemachine.ErrBadSnapshot)
			}
		}
		if err := restoreErr(t, 3, good[:at]); !errors.Is(err, statemachine.ErrBadSnapshot) {
			t.Errorf("cut to %d bytes: %v, want %v", at, err, statemachine.ErrBadSnapshot)
		}
	}
	if err := restoreErr(t, 3, append(bytes.Clone(good), 0)); !errors.Is(err, statemachine.ErrBadSnapshot) {
		t.Errorf("with a byte more: %v, want %v", err, statemachine.ErrBadSnapshot)
	}
}

// build writes a snapshot of any header and blocks, with the right checksums.
func build(version, flags uint32, revision uint64, count uint64, blocks ...[]byte) []byte {
	b := newBuilder(version, flags, revision)
	for _, block := range blocks {
		b.frame(uint32(len(block)), block)
	}
	b.frame(0, binary.LittleEndian.AppendUint64(nil, count))
	return b.out
}

// buildWithEvents writes a snapshot of one block of keys and one of events.
func buildWithEvents(revision, count uint64, keys []byte, eventCount uint64, events []byte) []byte {
	b := newBuilder(1, historyFlag, revision)
	for _, section := range []struct {
		block []byte
		count uint64
	}{{keys, count}, {events, eventCount}} {
		if len(section.block) > 0 {
			b.frame(uint32(len(section.block)), section.block)
		}
		b.frame(0, binary.LittleEndian.AppendUint64(nil, section.count))
	}
	return b.out
}

// A builder writes a snapshot frame by frame.
type builder struct {
	out []byte
	crc uint32
}

func newBuilder(version, flags uint32, revision uint64) *builder {
	out := append([]byte(snapshotMagic), make([]byte, 24)...)
	binary.LittleEndian.PutUint32(out[8:], version)
	binary.LittleEndian.PutUint32(out[12:], flags)
	binary.LittleEndian.PutUint64(out[16:], 3)
	binary.LittleEndian.PutUint64(out[24:], revision)
	crc := crc32.Checksum(out, castagnoli())
	return &builder{binary.LittleEndian.AppendUint32(out, crc), crc}
}

func (b *builder) frame(length uint32, payload []byte) {
	head := binary.LittleEndian.AppendUint32(nil, length)
	b.crc = crc32.Update(crc32.Update(b.crc, castagnoli(), head), castagnoli(), payload)
	b.out = append(binary.LittleEndian.AppendUint32(append(b.out, head...), b.crc), payload...)
}

// rec is one record: key, value, modify, modify-create, version.
func rec(key, value string, numbers ...uint64) []byte {
	out := append(binary.AppendUvarint(nil, uint64(len(key))), key...)
	out = append(binary.AppendUvarint(out, uint64(len(value))), value...)
	for _, n := range numbers {
		out = binary.AppendUvarint(out, n)
	}
	return out
}

// Bytes with the right checksums can still be wrong.
func TestSnapshotsThatMakeNoSense(t *testing.T) {
	a, b := rec("a", "1", 1, 0, 1), rec("b", "1", 3, 1, 2)
	both := append(bytes.Clone(a), b...)
	huge := append(build(1, 0, 3, 0)[:headerBytes], "\xff\xff\xff\xff____"...)
	for name, test := range map[string]struct {
		snapshot []byte
		says     string // empty: it is good
	}{
		"good":                      {build(1, 0, 3, 2, both), ""},
		"good in two blocks":        {build(1, 0, 3, 2, a, b), ""},
		"a later version":           {build(2, 0, 3, 2, both), "version 2"},
		"version 0":                 {build(0, 0, 3, 2, both), "version 0"},
		"unknown flags":             {build(1, 4, 3, 2, both), "flags 0x4"},
		"a key missing":             {build(1, 0, 3, 3, both), "2 keys and should have 3"},
		"a key twice":               {build(1, 0, 3, 2, a, a), "does not follow"},
		"keys out of order":         {build(1, 0, 3, 2, b, a), "does not follow"},
		"a revision of the future":  {build(1, 0, 2, 2, both), "after the store's 2"},
		"an empty key":              {build(1, 0, 3, 1, rec("", "1", 1, 0, 1)), "malformed"},
		"a key over the limit":      {build(1, 0, 3, 1, rec(strings.Repeat("k", MaxKeyBytes+1), "", 1, 0, 1)), "malformed"},
		"created before the first":  {build(1, 0, 3, 1, rec("a", "1", 1, 1, 1)), "malformed"},
		"version 0 of a key":        {build(1, 0, 3, 1, rec("a", "1", 1, 0, 0)), "malformed"},
		"more versions than writes": {build(1, 0, 3, 1, rec("a", "1", 2, 1, 3)), "malformed"},
		"a record cut":              {build(1, 0, 3, 1, a[:len(a)-1]), "malformed"},
		"a length beyond its block": {build(1, 0, 3, 1, []byte("\x05abc")), "malformed"},
		"an enormous block":         {huge, "block of 4294967295 bytes"},
	} {
		err := restoreErr(t, 3, test.snapshot)
		if test.says == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if test.says != "" && (!errors.Is(err, statemachine.ErrBadSnapshot) || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %v with %q", name, err, statemachine.ErrBadSnapshot, test.says)
		}
	}
	if err := restoreErr(t, 4, build(1, 0, 3, 2, both)); !errors.Is(err, statemachine.ErrBadSnapshot) {
		t.Errorf("of another index: %v, want %v", err, statemachine.ErrBadSnapshot)
	}
}

func TestAFailedRestoreKeepsTheState(t *testing.T) {
	d := newDriver(t, "")
	d.do(put("k", "v"))
	want := save(t, d.sm)
	if err := d.sm.Restore(t.Context(), 9, strings.NewReader("nonsense")); err == nil {
		t.Fatal("it succeeded")
	}
	if !bytes.Equal(save(t, d.sm), want) {
		t.Error("the state changed")
	}
}

func TestASnapshotIsSavedOnce(t *testing.T) {
	d := newDriver(t, "")
	snap, err := d.sm.PrepareSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if err := snap.Save(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	if err := snap.Save(t.Context(), &second); !errors.Is(err, plugins.ErrInvalidArgument) || second.Len() > 0 {
		t.Errorf("second Save: %v with %d bytes, want %v", err, second.Len(), plugins.ErrInvalidArgument)
	}
	snap.Release()
}

// A snapshot larger than a block, with a value that is larger too, is written
// in pieces and stops at a cancelled context.
func TestLargeSnapshots(t *testing.T) {
	d := newDriver(t, "")
	for i := range 2000 {
		d.do(put(fmt.Sprintf("key%04d", i), strings.Repeat("v", 300)))
	}
	d.do(put("key0500/large", strings.Repeat("v", 3*blockBytes)))
	snapshot := save(t, d.sm)
	other := newDriver(t, "")
	if err := other.sm.Restore(t.Context(), d.index, bytes.NewReader(snapshot)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(save(t, other.sm), snapshot) {
		t.Error("the restored state is another")
	}

	snap, err := d.sm.PrepareSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := snap.Save(ctx, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Save with a cancelled context: %v", err)
	}
	if err := other.sm.Restore(ctx, d.index, bytes.NewReader(snapshot)); !errors.Is(err, context.Canceled) {
		t.Errorf("Restore with a cancelled context: %v", err)
	}
}

// No input makes the reader fail in another way than by ErrBadSnapshot, and what
// it accepts is written back the same.
func FuzzReadSnapshot(f *testing.F) {
	a, b := rec("a", "1", 1, 0, 1), rec("b", "1", 3, 1, 2)
	f.Add(uint64(3), uint64(2), append(bytes.Clone(a), b...), []byte{})
	f.Add(uint64(3), uint64(2), a, b)
	f.Add(uint64(0), uint64(0), []byte{}, []byte{})
	f.Add(uint64(3), uint64(1), rec("", "", 1), []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, revision, count uint64, first, second []byte) {
		var blocks [][]byte
		for _, b := range [][]byte{first, second} {
			if len(b) > 0 {
				blocks = append(blocks, b)
			}
		}
		s, err := readSnapshot(t.Context(), bytes.NewReader(build(1, 0, revision, count, blocks...)))
		if err != nil {
			if !errors.Is(err, statemachine.ErrBadSnapshot) {
				t.Fatalf("%v, want %v", err, statemachine.ErrBadSnapshot)
			}
			return
		}
		var out bytes.Buffer
		if err := writeSnapshot(t.Context(), &out, &frozen{store: s, events: s.history.newest()}); err != nil {
			t.Fatal(err)
		}
		again, err := readSnapshot(t.Context(), bytes.NewReader(out.Bytes()))
		if err != nil || again.keys.Len() != s.keys.Len() || again.revision != s.revision {
			t.Fatalf("written back: %v, %d keys, want %d", err, again.keys.Len(), s.keys.Len())
		}
	})
}
