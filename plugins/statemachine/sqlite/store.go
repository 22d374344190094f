package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite/internal/engine"
	lib "modernc.org/sqlite/lib"
)

// The limits of a statement. They decide what is refused, so they are constants.
const (
	maxValueBytes     = 2 << 20 // of a text, a blob, or a row
	maxStatementBytes = 16 << 20
	// maxSteps is how many instructions of SQLite's virtual machine a command may take. Preparing is counted as
	// instructions; the bytes that an instruction moves are not.
	maxSteps = 50_000_000
	// maxExpansion is what all views may cost when SQLite expands them.
	maxExpansion = 2_000_000
	// maxWritten is how many bytes of texts and blobs a command may write.
	maxWritten = 256 << 20
)

// maxReaders is how many queries read at a time, and keptReaders how many connections wait for the next.
const (
	maxReaders  = 48
	keptReaders = 8
)

// maxWALBytes is how long the log of the file may grow under a query that lasts. Then all queries are ended. A
// variable for tests.
var maxWALBytes int64 = 1 << 30

// errOvertaken ends a query that would keep the log of the file from being written back.
var errOvertaken = fmt.Errorf("%w: the query was given up, because the changes since it began take too much of the disk", plugins.ErrLimit)

// A store is one file of SQLite with its connections.
type store struct {
	path   string
	writer *engine.Conn
	rules  policy // of the writer

	mu     sync.Mutex
	idle   []*engine.Conn
	closed bool
	ctx    context.Context // of the queries under way
	cancel context.CancelCauseFunc
	slots  chan struct{}
	views  sync.WaitGroup
}

// openStore opens a file, or makes it.
func openStore(path string) (*store, error) {
	s := &store{path: path, slots: make(chan struct{}, maxReaders)}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	var err error
	if s.writer, err = engine.Open(path, false); err != nil {
		return nil, err
	}
	s.rules.own = true
	s.writer.Allow = s.rules.allow
	limit(s.writer)
	// A commit writes to the log of the file, which is synced by Sync, and before it is written back.
	err = s.writer.Exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-16384;
		PRAGMA journal_size_limit=67108864; PRAGMA trusted_schema=ON;
		CREATE TABLE IF NOT EXISTS ` + metaTable + `(one INTEGER PRIMARY KEY, applied INTEGER NOT NULL, cluster INTEGER NOT NULL, node INTEGER NOT NULL);`)
	if err == nil {
		err = s.addSequences()
	}
	if err != nil {
		s.writer.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// addSequences makes SQLite's table of the last rowids. SQLite makes it with the first AUTOINCREMENT and never drops it,
// so it would depend on the past of a file whether it is there.
func (s *store) addSequences() error {
	stmt, _, err := s.writer.Prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'")
	if err != nil {
		return err
	}
	found, err := stmt.Step()
	stmt.Close()
	if err != nil || found {
		return err
	}
	const scratch = metaTable + "_sequence"
	return s.writer.Exec("BEGIN IMMEDIATE; CREATE TABLE " + scratch + "(one INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE " + scratch + "; COMMIT")
}

func limit(c *engine.Conn) {
	for id, value := range map[int32]int32{
		lib.SQLITE_LIMIT_LENGTH: maxValueBytes, lib.SQLITE_LIMIT_SQL_LENGTH: maxStatementBytes, lib.SQLITE_LIMIT_COLUMN: 500,
		lib.SQLITE_LIMIT_EXPR_DEPTH: 200, lib.SQLITE_LIMIT_COMPOUND_SELECT: 100, lib.SQLITE_LIMIT_VDBE_OP: 50_000_000,
		lib.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200, lib.SQLITE_LIMIT_VARIABLE_NUMBER: 1000, lib.SQLITE_LIMIT_TRIGGER_DEPTH: 20,
		lib.SQLITE_LIMIT_WORKER_THREADS: 0,
	} {
		c.SetLimit(id, value)
	}
}

// meta returns what the file says of itself; found is false for a new one.
func meta(c *engine.Conn) (applied, cluster, node uint64, found bool, err error) {
	stmt, _, err := c.Prepare("SELECT applied, cluster, node FROM " + metaTable)
	if err != nil {
		return 0, 0, 0, false, err
	}
	defer stmt.Close()
	if found, err = stmt.Step(); !found || err != nil {
		return 0, 0, 0, false, err
	}
	var n [3]uint64
	for i := range n {
		v, _ := stmt.Value(i).(int64)
		n[i] = uint64(v)
	}
	return n[0], n[1], n[2], true, nil
}

// setMeta writes all of it.
func setMeta(c *engine.Conn, applied, cluster, node uint64) error {
	return c.Exec(fmt.Sprintf("INSERT OR REPLACE INTO %s(one, applied, cluster, node) VALUES(1, %d, %d, %d)", metaTable, int64(applied), int64(cluster), int64(node)))
}

// sync makes durable what has been committed.
func (s *store) sync() error {
	file, err := os.OpenFile(s.path+"-wal", os.O_RDWR, 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil {
		if err := errors.Join(file.Sync(), file.Close()); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(s.path))
}

// limitWAL ends the queries under way if the log of the file has grown too long under them.
func (s *store) limitWAL() {
	info, err := os.Stat(s.path + "-wal")
	if err != nil || info.Size() < maxWALBytes {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel(errOvertaken)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
}

// close ends the queries and then the connections.
func (s *store) close(cause error) {
	s.mu.Lock()
	s.closed = true
	s.cancel(cause)
	s.mu.Unlock()
	s.views.Wait()
	for _, c := range s.idle {
		c.Close()
	}
	s.idle = nil
	s.writer.Close()
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
