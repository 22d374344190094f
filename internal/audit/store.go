package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// openDir makes the directory and takes its lock.
func (w *writer) openDir() (err error) {
	fs := w.log.opts.FS
	if fs == nil {
		if err := vfs.MakeOSDir(w.log.opts.Dir); err != nil {
			return err
		}
		if fs, err = vfs.OS(w.log.opts.Dir); err != nil {
			return err
		}
	}
	holder := fmt.Sprintf("member %s, process %d", w.log.opts.Member, os.Getpid())
	if w.lock, err = fs.Lock(lockName, holder); err != nil {
		if errors.Is(err, vfs.ErrHeld) {
			err = fmt.Errorf("another process keeps its audit in this directory: %w", err)
		}
		if w.log.opts.FS == nil {
			err = errors.Join(err, fs.Close())
		}
		return err
	}
	w.fs = fs
	return nil
}

// openLast opens the newest file that the chain can go on in, and makes one if
// there is none.
func (w *writer) openLast() error {
	names, err := w.fs.List(".")
	if err != nil {
		return err
	}
	numbers := numbersOf(names)
	if len(numbers) == 0 {
		return w.newFile(nil, nil)
	}
	w.number = numbers[len(numbers)-1]
	if w.renew {
		return w.leave(nil, nil)
	}
	f, err := w.scanFile(w.number)
	if err != nil {
		return err
	}
	if err := w.position(f, numbers); err != nil {
		return err
	}
	switch {
	case f.bad == "" && f.first.Key == w.key.ID:
		return w.goOn(f)
	case f.bad == "":
		return w.leave(nil, nil)
	case f.tail.torn:
		w.logger.Warn("the audit lacks records that were not durable when the host ended",
			"file", FileName(w.number), "after_record", f.last.Number, "bytes", f.tail.bytes)
		return w.leave(f.tail.told(), nil)
	}
	w.logger.Error("a file of the audit is damaged: keep a copy of it, and see what host audit verify says",
		"file", FileName(w.number), "line", f.records+1, "offset", f.end, "problem", f.bad)
	return w.leave(nil, f.tail.told())
}

// leave goes on in a new file after one that is not gone on in. The last lines of that may
// not be durable, as those of a write that failed half-way: after a crash of the machine the
// new file would go on from lines that are gone.
func (w *writer) leave(torn, damaged *Tail) error {
	file, err := w.fs.Open(FileName(w.number))
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), w.fs.SyncDir("."), file.Close()); err != nil {
		return err
	}
	return w.newFile(torn, damaged)
}

// position finds the end of the chain: in the last file, or if nothing of that is
// sound in one before it.
func (w *writer) position(last *scanned, numbers []uint64) error {
	for i := len(numbers) - 1; ; i-- {
		if last.records > 0 {
			w.pos = last.last
			w.log.head.Store(&w.pos)
			return nil
		}
		if i == 0 {
			return nil
		}
		var err error
		if last, err = w.scanFile(numbers[i-1]); err != nil {
			return err
		}
	}
}

// scanFile reads a file. Sums made with another key are not looked at.
func (w *writer) scanFile(number uint64) (*scanned, error) {
	file, err := w.fs.Open(FileName(number))
	if err != nil {
		return nil, err
	}
	size, err := file.Size()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s := scanning{keys: map[string]Key{w.key.ID: w.key}, lenient: true}
	f, err := s.scan(io.NewSectionReader(file, 0, size))
	return f, errors.Join(err, file.Close())
}

// goOn appends to a file that is sound.
func (w *writer) goOn(f *scanned) error {
	file, err := w.fs.Open(FileName(w.number))
	if err != nil {
		return err
	}
	// The last lines of the file, and its name, may not be durable: another process
	// may have written them, or this one before a failure.
	if err := errors.Join(file.Sync(), w.fs.SyncDir(".")); err != nil {
		return errors.Join(err, file.Close())
	}
	w.file, w.end, w.records = file, f.end, f.records
	w.durable, w.dirty = w.pos.Number, time.Time{}
	return nil
}

// rotate ends a file that is full, and goes on in the next one.
func (w *writer) rotate() error {
	if err := w.sync(); err != nil {
		return err
	}
	if err := w.newFile(nil, nil); err != nil {
		return err
	}
	w.toldAt = time.Time{} // a head that is told at each rotation bounds what a cut can hide
	return nil
}

// newFile goes on in a new file. Its first line is durable with its name, so that
// no crash leaves a file without one. It says what is not sound at the end of the
// file before.
func (w *writer) newFile(torn, damaged *Tail) error {
	number := w.number + 1
	oldest, old, err := w.kept(number)
	if err != nil {
		return err
	}
	pos := w.pos
	line := w.openingLine(&pos, number, oldest, torn, damaged)
	if err := vfs.Replace(w.fs, FileName(number), tempName, line); err != nil {
		w.leaveFor(number)
		return err
	}
	file, err := w.fs.Open(FileName(number))
	if err != nil {
		w.leaveFor(number)
		return err
	}
	w.abandon()
	w.file, w.number, w.end, w.records = file, number, int64(len(line)), 1
	w.pos, w.durable, w.dirty, w.renew = pos, pos.Number, time.Time{}, false
	w.log.head.Store(&pos)
	w.remove(old, oldest)
	return nil
}

// leaveFor gives the present file up unless that of the next number is known not to
// stand: the chain must not go on in both. The files that stand are read again
// before the next record.
func (w *writer) leaveFor(next uint64) {
	if names, err := w.fs.List("."); err != nil || slices.Contains(numbersOf(names), next) {
		w.abandon()
	}
}

// kept is the number of the first file that is kept beside the one of that number,
// and old those before it.
func (w *writer) kept(number uint64) (oldest uint64, old []uint64, err error) {
	names, err := w.fs.List(".")
	if err != nil {
		return 0, nil, err
	}
	numbers := append(numbersOf(names), number)
	n := max(0, len(numbers)-w.log.opts.MaxFiles)
	return numbers[n], numbers[:n], nil
}

// remove removes the old files, those before oldest. The next rotation tries again
// if that fails.
func (w *writer) remove(old []uint64, oldest uint64) {
	for _, n := range old {
		if err := w.fs.Remove(FileName(n)); err != nil {
			w.logger.Warn("old files of the audit cannot be removed", "before", FileName(oldest), "error", err)
			return
		}
	}
}

// openingLine is the first line of a file.
func (w *writer) openingLine(pos *Position, file, oldest uint64, torn, damaged *Tail) []byte {
	b := w.enc.begin(nil, *pos, pos.Number, time.Now(), opOpen)
	b = number(b, "format", formatVersion)
	b = number(b, "file", file)
	b = number(b, "oldest", oldest)
	b = field(b, "key", w.key.ID)
	b = appendTail(b, "torn", torn)
	b = appendTail(b, "damaged", damaged)
	return w.enc.end(b, 0, pos)
}

func appendTail(b []byte, name string, t *Tail) []byte {
	if t == nil {
		return b
	}
	b = append(key(b, name), `{"bytes":`...)
	b = strconv.AppendInt(b, t.Bytes, 10)
	return append(field(b, "sha256", t.SHA256), '}')
}
