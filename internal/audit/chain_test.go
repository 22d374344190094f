package audit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// chain is a log of three files with some records in each, at its orderly end.
func chain(t *testing.T, o Options) map[string][]byte {
	t.Helper()
	m := vfs.NewMem()
	o.FS = m
	x := open(t, o)
	for n := uint64(1); len(numbersOf(names(m))) < 3; n++ {
		x.write(n, 1)
	}
	x.w.finish()
	return clone(m.Files())
}

func names(m *vfs.Mem) []string {
	all, _ := m.List(".")
	return all
}

// small files make the tests fast: the bound for operators is far higher.
func small(t *testing.T, sync SyncPolicy) Options {
	t.Helper()
	return Options{Sync: sync, MaxFileBytes: MinFileBytes}
}

// Each byte of a chain is looked after: whichever is changed, Verify finds the
// line that it was in, under each policy of durability, with and without a key.
func TestEachChangedByteIsFound(t *testing.T) {
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(strings.Repeat("k", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ReadKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"each": {Sync: SyncEach}, "none": {Sync: SyncNone}, "key": {Sync: SyncNone, KeyFile: keyFile},
	} {
		t.Run(name, func(t *testing.T) {
			m := vfs.NewMem()
			o.FS = m
			x := open(t, o)
			x.write(1, 3)
			x.w.finish()
			files, check := clone(m.Files()), Check{Directory: true, Keys: []Key{key}}
			if v := verdict(t, files, check); !v.Sound || v.Records != 6 {
				t.Fatalf("a sound chain: %+v", v)
			}
			file := files[FileName(1)]
			for i := range file {
				for _, change := range []byte{1, 0x80, file[i], file[i] ^ '\n'} { // the last two make it 0 and a line end
					if change == 0 {
						continue
					}
					file[i] ^= change
					v, err := Verify(sources(files), check)
					if err == nil && v.Sound {
						t.Fatalf("byte %d was changed by %#x, and the verdict is %+v", i, change, v)
					}
					line := bytes.Count(file[:i], []byte("\n")) + 1
					if err == nil && v.Bad.Line != line {
						t.Fatalf("byte %d of line %d was changed; line %d is called bad: %s", i, line, v.Bad.Line, v.Bad.Why)
					}
					file[i] ^= change
				}
			}
		})
	}
}

// A line that is taken out, doubled or swapped with its neighbour is found, in each
// file and at each place of it.
func TestEachMovedLineIsFound(t *testing.T) {
	for _, sync := range []SyncPolicy{SyncEach, SyncNone} {
		files := chain(t, small(t, sync))
		if v := verdict(t, files, Check{Directory: true}); !v.Sound || v.Files != 3 {
			t.Fatalf("a sound chain: %+v", v)
		}
		for name, whole := range files {
			list := bytes.SplitAfter(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n"))
			list[len(list)-1] = append(bytes.Clone(list[len(list)-1]), '\n')
			last := name == FileName(3)
			for i := 0; i < len(list); i += 1 + len(list)/20 {
				without := bytes.Join(append(append([][]byte{}, list[:i]...), list[i+1:]...), nil)
				doubled := bytes.Join(append(append([][]byte{}, list[:i+1]...), list[i:]...), nil)
				for what, b := range map[string][]byte{"taken out": without, "doubled": doubled} {
					if last && i == len(list)-1 && what == "taken out" {
						continue // the end of a chain: see TestACutChainShowsAgainstItsHead
					}
					changed := clone(files)
					changed[name] = b
					if v := verdict(t, changed, Check{Directory: true}); v.Sound {
						t.Errorf("line %d of %s was %s: %+v", i+1, name, what, v)
					}
				}
				if i+1 < len(list) {
					swapped := append([][]byte{}, list...)
					swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
					changed := clone(files)
					changed[name] = bytes.Join(swapped, nil)
					if v := verdict(t, changed, Check{Directory: true}); v.Sound {
						t.Errorf("lines %d and %d of %s were swapped: %+v", i+1, i+2, name, v)
					}
				}
			}
		}
	}
}

// A chain that was cut at its end is as sound as one that ended there. The head
// that was noted elsewhere shows it, and shows a chain that was written anew.
func TestACutChainShowsAgainstItsHead(t *testing.T) {
	m := vfs.NewMem()
	x := open(t, Options{FS: m})
	x.write(1, 5)
	head := x.log.Head()
	x.write(6, 1)
	x.w.finish()
	files := clone(m.Files())
	if v := verdict(t, files, Check{Directory: true, Head: &head}); !v.Sound {
		t.Fatalf("a head on the way: %+v", v)
	}
	whole := files[FileName(1)]
	cut := bytes.Join(bytes.SplitAfter(whole, []byte("\n"))[:4], nil)
	files[FileName(1)] = cut
	if v := verdict(t, files, Check{Directory: true}); !v.Sound {
		t.Fatalf("nothing tells of a cut but the head: %+v", v)
	}
	if v := verdict(t, files, Check{Directory: true, Head: &head}); v.Sound || !strings.Contains(v.Bad.Why, "missing at the end") {
		t.Errorf("a cut chain against its head: %+v", v)
	}
	forged := vfs.NewMem()
	y := open(t, Options{FS: forged})
	y.write(100, 8)
	y.w.finish()
	if v := verdict(t, clone(forged.Files()), Check{Directory: true, Head: &head}); v.Sound || !strings.Contains(v.Bad.Why, "written anew") {
		t.Errorf("a chain written anew against the head: %+v", v)
	}
}

// A file that is taken away is found: in the middle by the gap, at the beginning by
// what the newest file tells of the oldest one that is kept.
func TestAMissingFileIsFound(t *testing.T) {
	files := chain(t, small(t, SyncNone))
	for n := uint64(1); n < 3; n++ {
		changed := clone(files)
		delete(changed, FileName(n))
		if v := verdict(t, changed, Check{Directory: true}); v.Sound {
			t.Errorf("file %d is missing: %+v", n, v)
		}
	}
	delete(files, FileName(1))
	if v := verdict(t, files, Check{}); !v.Sound || v.First < 2 {
		t.Errorf("files 2 and 3 alone are a chain: %+v", v)
	}
}

// Old files go, as many as the operator wants, and the chain of those that stay is
// sound.
func TestOldFilesAreRemoved(t *testing.T) {
	m := vfs.NewMem()
	o := small(t, SyncInterval)
	o.FS, o.MaxFiles = m, 2
	x := open(t, o)
	for n := uint64(1); fileNumber(names(m)[len(names(m))-1]) < 5; n++ {
		x.write(n, 1)
	}
	x.w.finish()
	files := clone(m.Files())
	if len(files) != 2 {
		t.Errorf("%d files are kept", len(files))
	}
	for name, b := range files {
		if len(b) > MinFileBytes {
			t.Errorf("%s has %d bytes", name, len(b))
		}
	}
	if v := verdict(t, files, Check{Directory: true}); !v.Sound || v.Files != 2 || v.First == 1 {
		t.Errorf("%+v", v)
	}
}

// Sums that were made with a key cannot be made without it, nor checked.
func TestAKeyedChainNeedsItsKey(t *testing.T) {
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	m := vfs.NewMem()
	x := open(t, Options{FS: m})
	x.write(1, 2)
	x.w.finish()
	x = open(t, Options{FS: m.Crash(vfs.KeepAll), KeyFile: keyFile}) // the key comes later: a new file
	x.write(3, 2)
	x.w.finish()
	files := clone(x.w.fs.(*vfs.Mem).Files())
	if _, err := Verify(sources(files), Check{Directory: true}); err == nil {
		t.Error("a chain with a key was checked without it")
	}
	key, _ := ReadKey(keyFile)
	if v := verdict(t, files, Check{Directory: true, Keys: []Key{key}}); !v.Sound || v.Files != 2 || v.Records != 10 {
		t.Errorf("%+v", v)
	}
	x = open(t, Options{FS: x.w.fs.(*vfs.Mem).Crash(vfs.KeepAll)}) // and goes again
	x.write(5, 2)
	x.w.finish()
	if v := verdict(t, clone(x.w.fs.(*vfs.Mem).Files()), Check{Directory: true, Keys: []Key{key}}); !v.Sound || v.Files != 3 {
		t.Errorf("%+v", v)
	}
}

// A record that was replaced by another one with a sum of its own is found by the
// next one, which continues what was there.
func TestAReplacedRecordIsFound(t *testing.T) {
	m := vfs.NewMem()
	x := open(t, Options{FS: m})
	x.write(1, 5)
	x.w.finish()
	files := clone(m.Files())
	list := bytes.SplitAfter(files[FileName(1)], []byte("\n"))
	text := bytes.Replace(list[3][:len(list[3])-tailBytes-1], []byte("192.0.2.7"), []byte("192.0.2.8"), 1)
	list[3] = fmt.Appendf(nil, "%s,\"sum\":\"%x\"}\n", text, newSummer(Key{}).sum(text))
	files[FileName(1)] = bytes.Join(list, nil)
	if v := verdict(t, files, Check{Directory: true}); v.Sound || v.Bad.Line != 5 || !strings.Contains(v.Bad.Why, "replaced") {
		t.Errorf("%+v", v)
	}
}
