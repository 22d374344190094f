package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite/internal/engine"
)

// maxRecord bounds a record of a dump: a row at most, with its header.
const maxRecord = maxValueBytes + 1<<20

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", statemachine.ErrBadSnapshot, fmt.Sprintf(format, args...))
}

// Restore makes a new file of the snapshot, and has it take the place of the old one when
// it is whole and on disk.
func (m *machine) Restore(_ context.Context, index uint64, r io.Reader) error {
	old, err := m.usable()
	if err != nil {
		return err
	}
	path, err := m.dir.next()
	if err != nil {
		return err
	}
	if err := m.build(path, index, r); err != nil {
		removeStore(path)
		return err
	}
	if err := m.dir.use(path); err != nil {
		return m.broke(err)
	}
	s, err := openStore(path)
	if err != nil {
		return m.broke(err)
	}
	old.close(errRestored)
	removeStore(old.path)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store = nil
	return m.take(s, index)
}

// broke keeps the machine from going on with a file that may not be the one that counts.
func (m *machine) broke(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
	return err
}

var errRestored = errors.New("the state is replaced by a snapshot")

// build writes a whole file and syncs it.
func (m *machine) build(path string, index uint64, r io.Reader) error {
	s, err := openStore(path)
	if err != nil {
		return err
	}
	from := &source{r: r}
	l := &loader{s: s, run: &executor{s: s}, in: &counted{r: bufio.NewReaderSize(from, 256<<10), h: sha256.New()}}
	if err = l.run.attach(); err == nil {
		err = l.load(index, m.cluster, m.node)
	}
	if from.failed != nil {
		err = from.failed
	}
	if err == nil {
		err = s.writer.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	}
	s.close(errRestored)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// A loader reads a snapshot into a new file.
type loader struct {
	s         *store
	run       *executor
	in        *counted
	insert    *engine.Stmt
	values    int
	count     uint64
	sequenced bool // the last rowids that the inserted rows have left are gone
}

func (l *loader) load(index, cluster, node uint64) error {
	head := make([]byte, len(snapshotMagic)+8)
	if _, err := io.ReadFull(l.in, head); err != nil || string(head[:len(snapshotMagic)]) != snapshotMagic {
		return bad("it does not begin as one")
	}
	if found := binary.LittleEndian.Uint64(head[len(snapshotMagic):]); found != index {
		return bad("it is of index %d, and not of %d", found, index)
	}
	if err := l.s.writer.Exec("PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON; PRAGMA synchronous=OFF; BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := l.records()
	if l.insert != nil {
		l.insert.Close()
	}
	if err != nil {
		return err
	}
	if err := l.end(); err != nil {
		return err
	}
	if err := l.run.checkSchema(); err != nil {
		return l.wrap(err)
	}
	if err := setMeta(l.s.writer, index, cluster, node); err != nil {
		return err
	}
	return l.s.writer.Exec("COMMIT")
}

// records reads until the last record.
func (l *loader) records() error {
	var body []byte
	for {
		kind, err := l.in.ReadByte()
		if err != nil {
			return bad("it is cut after %d records", l.count)
		}
		n, err := binary.ReadUvarint(l.in)
		if err != nil || n > maxRecord {
			return bad("record %d has no length, or more than %d bytes", l.count+1, maxRecord)
		}
		if body, err = readBody(l.in, body[:0], int(n)); err != nil {
			return bad("it is cut in record %d", l.count+1)
		}
		if kind == recordEnd {
			if want, used := binary.Uvarint(body); used != len(body) || want != l.count {
				return bad("it has %d records, and not the number that it says", l.count)
			}
			return l.clearSequences()
		}
		l.count++
		if err := l.record(kind, body); err != nil {
			return err
		}
	}
}

// wrap tells what is wrong with the snapshot from what this member's disk does.
func (l *loader) wrap(err error) error {
	if err != nil && isRefusal(err) {
		return bad("record %d: %v", l.count, err)
	}
	return err
}

// end checks length and checksum, and that nothing follows.
func (l *loader) end() error {
	n := l.in.n
	var length [8]byte
	if _, err := io.ReadFull(l.in, length[:]); err != nil || binary.LittleEndian.Uint64(length[:]) != n {
		return bad("its length is not the one that it says")
	}
	want := l.in.h.Sum(nil)
	var sum [sha256.Size]byte
	if _, err := io.ReadFull(l.in.r, sum[:]); err != nil || !bytes.Equal(sum[:], want) {
		return bad("wrong checksum")
	}
	if _, err := l.in.r.ReadByte(); err != io.EOF {
		return bad("more follows its end")
	}
	return nil
}
