package audit

import (
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A host that dies at any call on its disk, by a kill or with its machine, leaves
// a chain that goes on in its next life: the rests of records that were not
// durable are told of in the chain, and Verify takes exactly that. No record that
// was durable is lost.
func TestACrashAtEachCall(t *testing.T) {
	for _, sync := range []SyncPolicy{SyncEach, SyncInterval, SyncNone} {
		m := vfs.NewMem()
		o := small(t, sync)
		o.FS = m
		var x *world
		var crashes []*vfs.Mem
		var durable []uint64
		r := rand.New(rand.NewPCG(1, 2))
		m.OnOp(func(op vfs.Op) {
			if !op.Mutates() {
				return
			}
			kept := uint64(0)
			if x != nil {
				kept = x.w.durable
			}
			for _, keep := range []vfs.Keep{vfs.KeepAll, vfs.KeepNothing, vfs.KeepRandom(r), vfs.KeepRandom(r)} {
				crashes, durable = append(crashes, m.Crash(keep)), append(durable, kept)
			}
		})
		x = open(t, o)
		for n := uint64(1); n < 400; n += 40 {
			x.write(n, 40)
		}
		x.w.finish()
		m.OnOp(nil)
		if len(numbersOf(names(m))) < 2 {
			t.Fatal("the test does not come to a second file")
		}
		for i, crashed := range crashes {
			again := o
			again.FS = crashed
			y := open(t, again)
			y.write(1000, 2)
			y.w.finish()
			v := verdict(t, clone(crashed.Files()), Check{Directory: true})
			if !v.Sound || v.Last < durable[i] {
				t.Fatalf("sync %s, crash %d, %d records were durable: %+v", sync, i, durable[i], v)
			}
		}
	}
}

// Lives, crashes, disks that are full and rotations in any order: the chain is
// sound, and each record is in it unless a crash took it before it was durable.
func TestAnyHistoryIsAChain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := Options{
			MaxFileBytes: MinFileBytes, MaxFiles: 50,
			Sync: rapid.SampledFrom([]SyncPolicy{SyncEach, SyncInterval, SyncNone}).Draw(rt, "sync"),
		}
		m := vfs.NewMem()
		o.FS = m
		x := open(rt, o)
		next, written := uint64(1), 0
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0: // the process ends, or the machine
				if x.log.Failing() != nil {
					written = 0 // what waited for the disk is lost with the process
				}
				keep := vfs.KeepAll
				if rapid.Bool().Draw(rt, "machine") {
					keep = vfs.KeepRandom(rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "keep"), 0)))
					written = 0
				}
				m = m.Crash(keep)
				o.FS = m
				x = open(rt, o)
			case 1:
				if x.w.finish(); x.log.Failing() != nil {
					written = 0
				}
				m = m.Crash(vfs.KeepNothing)
				o.FS = m
				x = open(rt, o)
			case 2:
				kinds := []vfs.OpKind{vfs.OpWrite, vfs.OpCreate, vfs.OpRename, vfs.OpTruncate, vfs.OpSyncAll, vfs.OpSyncDir, vfs.OpList}
				m.FailNth(rapid.SampledFrom(kinds).Draw(rt, "call"), rapid.IntRange(1, 3).Draw(rt, "which"), syscall.ENOSPC)
			case 3:
				x.retry()
			default:
				n := uint64(rapid.IntRange(1, 120).Draw(rt, "records"))
				x.write(next, n)
				next, written = next+n, written+int(n)
			}
		}
		for range 40 { // each fault is for one call
			x.retry()
		}
		if x.log.Failing() != nil {
			rt.Fatalf("the disk is well: %v", x.log.Failing().Err)
		}
		x.w.finish()
		v := verdict(rt, clone(m.Files()), Check{Directory: true})
		if !v.Sound || v.Records < written || v.Dropped > 0 {
			rt.Fatalf("%d records since the last crash of the machine: %+v, bad: %+v", written, v, v.Bad)
		}
	})
}

// A byte that was changed before the host started again is not taken for what a
// crash left: the chain goes on in a new file, and Verify finds the place.
func TestDamageIsNotTakenForACrash(t *testing.T) {
	m := vfs.NewMem()
	x := open(t, Options{FS: m, Sync: SyncNone})
	x.write(1, 5)
	x.w.finish()
	files := clone(m.Files())
	b := files[FileName(1)]
	b[len(b)/2] ^= 1
	again := vfs.MemOf(files)
	y := open(t, Options{FS: again})
	y.write(6, 1)
	y.w.finish()
	all := clone(again.Files())
	if last := lines(t, map[string][]byte{FileName(2): all[FileName(2)]}); len(last) != 4 || last[0].Damaged == nil || last[0].Torn != nil {
		t.Errorf("the next file begins with %+v", last[0])
	}
	if v := verdict(t, all, Check{Directory: true}); v.Sound || v.Bad.File != FileName(1) {
		t.Errorf("%+v", v)
	}
}

// The chain tells of exactly one torn end: other bytes in its place, or none, are
// found.
func TestATornEndIsHeldToItsRecord(t *testing.T) {
	m := vfs.NewMem()
	x := open(t, Options{FS: m})
	x.write(1, 3)
	files := clone(m.Files())
	whole := files[FileName(1)]
	files[FileName(1)] = whole[:len(whole)-20]
	if v := verdict(t, files, Check{Directory: true}); !v.Sound || v.Records != 4 || !strings.Contains(strings.Join(v.Notes, " "), "no whole line") {
		t.Fatalf("a host that is in the middle of a line: %+v", v)
	}
	again := vfs.MemOf(files)
	y := open(t, Options{FS: again})
	y.w.finish()
	all := clone(again.Files())
	if v := verdict(t, all, Check{Directory: true}); !v.Sound || v.Records != 7 || len(v.Notes) == 0 {
		t.Fatalf("%+v", v)
	}
	torn := all[FileName(1)]
	torn[len(torn)-1] ^= 1
	if v := verdict(t, all, Check{Directory: true}); v.Sound {
		t.Error("other bytes than those that the chain tells of are taken for a torn end")
	}
	all[FileName(1)] = torn[:len(torn)-5]
	if v := verdict(t, all, Check{Directory: true}); v.Sound {
		t.Error("fewer bytes than the chain tells of are taken for a torn end")
	}
}

// A sync that fails leaves nothing known of what it should have made durable: the
// chain goes on in a new file, and is sound if the old one has it after all.
func TestAFailedSyncBeginsANewFile(t *testing.T) {
	m := vfs.NewMem()
	x := open(t, Options{FS: m, Sync: SyncEach})
	m.FailNth(vfs.OpSync, 1, syscall.EIO)
	x.write(1, 2)
	if x.log.Failing() == nil {
		t.Error("the failure is not told")
	}
	x.retry()
	x.write(3, 1)
	x.w.finish()
	if v := verdict(t, clone(m.Files()), Check{Directory: true}); !v.Sound || v.Files != 2 || v.Records != 7 {
		t.Errorf("%+v", v)
	}
}

// While the disk is full nothing is lost that there is room for; beyond that the
// chain says how much it lacks.
func TestTheChainSaysWhatItLacks(t *testing.T) {
	m := vfs.NewMem()
	x := open(t, Options{FS: m, MaxFileBytes: MaxFileBytes})
	m.FailNth(vfs.OpWrite, 1, syscall.ENOSPC)
	x.write(1, 1)
	if f := x.log.Failing(); f == nil || !errors.Is(f.Err, syscall.ENOSPC) {
		t.Fatalf("a full disk is told as %v", f)
	}
	for n := range uint64(queueRecords + 7) {
		x.log.End(applied(2 + n))
	}
	x.retry()
	x.w.finish()
	v := verdict(t, clone(m.Files()), Check{Directory: true})
	if !v.Sound || v.Dropped != 7 || x.log.Dropped() != 7 || x.log.Failing() != nil {
		t.Errorf("%d were dropped: %+v", x.log.Dropped(), v)
	}
}

// Refusals beyond so many in a second are counted: a client that may do nothing
// does not push out of the files what others did.
func TestRefusalsAreBounded(t *testing.T) {
	m := vfs.NewMem()
	x := open(t, Options{FS: m})
	for range 5 * refusalsPerSecond {
		r := applied(1)
		r.Outcome, r.Reason, r.Index, r.Term = NotApplied, "forbidden", 0, 0
		x.log.End(r)
	}
	x.write(1, 1)
	x.w.finish()
	all := lines(t, clone(m.Files()))
	var refused, counted uint64
	for _, l := range all {
		if l.Outcome == NotApplied {
			refused++
		}
		counted += l.Refusals
	}
	if refused > 2*refusalsPerSecond || refused+counted != 5*refusalsPerSecond {
		t.Errorf("%d refusals are recorded and %d counted", refused, counted)
	}
	if all[len(all)-2].Op != opDropped && all[len(all)-3].Outcome != Applied {
		t.Errorf("the request that was applied is not recorded: %v", ops(all))
	}
}
