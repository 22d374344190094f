package wal

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// TestBytesOfARecord pins the format: a change here needs a new version in
// docs/formats/wal.md.
func TestBytesOfARecord(t *testing.T) {
	j := &journal{id: identity.Identity{Salt: 0x5a17}, tail: tail{segment: &segment{number: 3, size: 1 << 20}, seq: 9, chain: 0xc4a1, durable: 8}}
	j.encodeBatch(&storage.Batch{
		HardState: storage.HardState{Term: 5, Vote: 2, Commit: 6},
		Entries:   []storage.Entry{{Index: 7, Term: 5, Data: []byte("hey")}, {Index: 8, Term: 5, Type: 2}},
	})
	want := "11127a54" + "3b000000" + "983e0258" + "02" + "01" + "0000" +
		"0300000000000000" + "0900000000000000" + "0700000000000000" + "0500000000000000" + "0800000000000000" +
		"a1c40000" + "02000000" +
		"0500000000000000" + "0200000000000000" + "0600000000000000" +
		"03000000" + "00" + "000000" + "0500000000000000" + "686579" +
		"00000000" + "02" + "000000" + "0500000000000000" +
		"0000000000"
	if got := hex.EncodeToString(j.buf); got != want {
		t.Errorf("a record is\n%s, want\n%s", got, want)
	}
	if len(j.buf)%recordAlign != 0 || j.tail.seq != 10 {
		t.Errorf("a record of %d bytes, next sequence %d", len(j.buf), j.tail.seq)
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := header{
			length:     rapid.Uint32().Draw(t, "length"),
			payloadCRC: rapid.Uint32().Draw(t, "payload"),
			kind:       recordKind(rapid.Uint8Range(uint8(kindStart), uint8(kindSeal)).Draw(t, "kind")),
			flags:      rapid.Uint8().Draw(t, "flags"),
			segment:    rapid.Uint64().Draw(t, "segment"),
			seq:        rapid.Uint64().Draw(t, "seq"),
			index:      rapid.Uint64().Draw(t, "index"),
			term:       rapid.Uint64().Draw(t, "term"),
			mark:       rapid.Uint64().Draw(t, "mark"),
			chain:      rapid.Uint32().Draw(t, "chain"),
			count:      rapid.Uint32().Draw(t, "count"),
		}
		salt := rapid.Uint32().Draw(t, "salt")
		b := make([]byte, headerBytes)
		want.encode(b, salt)
		if got, ok := decodeHeader(b, salt); !ok || got != want {
			t.Fatalf("decoded %+v, %v, want %+v", got, ok, want)
		}
		bit := rapid.IntRange(0, 8*headerBytes-1).Draw(t, "bit")
		b[bit/8] ^= 1 << (bit % 8)
		if _, ok := decodeHeader(b, salt); ok {
			t.Fatalf("a header with bit %d flipped is accepted", bit)
		}
	})
}

func TestZeroIsNoRecord(t *testing.T) {
	for _, salt := range []uint32{0, 1, 0xffffffff} {
		if _, ok := decodeHeader(make([]byte, headerBytes), salt); ok {
			t.Errorf("zeros are a header with salt %x", salt)
		}
	}
}

func TestFileNames(t *testing.T) {
	for _, name := range []string{
		"", "1.log", "000000000000000g.log", "0000000000000001.LOG", "00000000000000001.log", "0000000100000000.log",
		"../0000000000000001.log", "000000000000000A.log", "+000000000000001.log",
	} {
		if n, ok := parseSegmentName(name); ok {
			t.Errorf("%q is segment %d", name, n)
		}
	}
	if n, ok := parseSegmentName(segmentName(0x1f)); !ok || n != 0x1f {
		t.Errorf("%q is segment %d, %v", segmentName(0x1f), n, ok)
	}
	for _, name := range []string{"LOCK", "x.tmp", "notes.part", "1-1.snap", "0000000000000001.tmp.bak"} {
		if isTemp(name) {
			t.Errorf("%q is taken for one of ours", name)
		}
	}
	if !isTemp(tempName(4)) || !isTemp(identity.Temp) {
		t.Error("an unfinished file is not recognised")
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		name, section string
		want          int64 // 0: refused
	}{
		{"empty", "", defaultSegmentBytes},
		{"only a comment", "# nothing\n", defaultSegmentBytes},
		{"null", "null\n", defaultSegmentBytes},
		{"given", "segment_bytes: 1048576\n", 1 << 20},
		{"smallest", "segment_bytes: 16384\n", 16384},
		{"unknown key", "segment_byte: 1048576\n", 0},
		{"unknown key beside a known one", "segment_bytes: 1048576\nsync: false\n", 0},
		{"too small", "segment_bytes: 16383\n", 0},
		{"too large", "segment_bytes: 1073741825\n", 0},
		{"negative", "segment_bytes: -1\n", 0},
		{"wrong type", "segment_bytes: [1]\n", 0},
		{"no mapping", "- 1\n", 0},
		{"two documents", "segment_bytes: 1048576\n---\nsegment_bytes: 1048576\n", 0},
		{"no YAML", "\t:", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseConfig([]byte(c.section))
			if c.want == 0 && !errors.Is(err, plugins.ErrInvalidConfig) {
				t.Errorf("parseConfig = %+v, %v, want ErrInvalidConfig", got, err)
			}
			if c.want != 0 && (err != nil || got.SegmentBytes != c.want) {
				t.Errorf("parseConfig = %+v, %v, want %d", got, err, c.want)
			}
		})
	}
	if !strings.Contains(configSchema, "1073741824") || !strings.Contains(configSchema, "16384") || !strings.Contains(configSchema, "67108864") {
		t.Error("the JSON schema has other bounds than the code")
	}
}

// FuzzSegment opens a store whose only segment is arbitrary bytes, after a
// valid start record or not.
func FuzzSegment(f *testing.F) {
	// A fixed salt, so that inputs which were found stay what they are.
	id := identity.Identity{Salt: 0x5a17, Store: 1, Owner: identity.Owner{Cluster: 0xc1, Node: 0xa1, Group: 1}}
	w := newWorkload(vfs.MemOf(map[string][]byte{identity.Name: format().Encode(id)}))
	for _, step := range w.Script(w.ballast, w.prepare)[:4] {
		if err := step(); err != nil {
			f.Fatal(err)
		}
	}
	files := w.fs.Files()
	w.s.kill()
	data := files[segmentName(1)]
	f.Add(data[:usedBytes(data)])
	f.Add(data[headerBytes+startBytes : usedBytes(data)])
	f.Add([]byte{})
	f.Add(make([]byte, 300))
	f.Fuzz(func(t *testing.T, b []byte) {
		segment := make([]byte, max(len(b), minSegmentBytes))
		copy(segment, b)
		_, _, err := found(vfs.MemOf(map[string][]byte{identity.Name: files[identity.Name], segmentName(1): segment}))
		if err != nil && !errors.Is(err, storage.ErrCorrupt) {
			t.Fatalf("Open: %v", err)
		}
		behind := append(append([]byte(nil), data[:headerBytes+startBytes]...), b...)
		behind = append(behind, make([]byte, max(0, minSegmentBytes-len(behind)))...)
		_, _, err = found(vfs.MemOf(map[string][]byte{identity.Name: files[identity.Name], segmentName(1): behind}))
		if err != nil && !errors.Is(err, storage.ErrCorrupt) {
			t.Fatalf("Open behind a start record: %v", err)
		}
	})
}

// FuzzBatchPayload decodes arbitrary payloads of batches, as if their
// checksums were right.
func FuzzBatchPayload(f *testing.F) {
	good := appendHardState(nil, storage.HardState{Term: 3, Vote: 1, Commit: 2})
	good = appendEntry(good, &storage.Entry{Term: 3, Data: []byte("data")})
	good = appendEntry(good, &storage.Entry{Term: 4, Type: 1})
	f.Add(good, uint8(flagHardState), uint32(2), uint64(1))
	f.Add(good[hardStateBytes:], uint8(0), uint32(2), uint64(1))
	f.Add(good[:30], uint8(1), uint32(1<<31), uint64(1<<63))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, uint8(0), uint32(1), uint64(1))
	f.Fuzz(func(t *testing.T, p []byte, flags uint8, count uint32, index uint64) {
		j := &journal{state: newLogState(&start{}, 0, 0)}
		r := record{payload: p, header: header{kind: kindBatch, flags: flags, count: count, index: index, segment: 1}}
		if err := j.take(r); err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatalf("take: %v", err)
			}
			return
		}
		if got := j.state.Last; count > 0 && got != index+uint64(count)-1 {
			t.Fatalf("the log ends at %d after %d entries from %d on", got, count, index)
		}
	})
}
