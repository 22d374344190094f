// Package engine is the part of SQLite's C interface that the state machine needs, over
// modernc.org/sqlite/lib. The driver for database/sql that comes with it turns texts into
// times, takes several statements for one, and cannot bound what a statement costs.
package engine

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"modernc.org/libc"
	_ "modernc.org/sqlite" // its init gives the library its mutexes
	lib "modernc.org/sqlite/lib"
)

// Error is an error of SQLite.
type Error struct {
	// Code is the extended result code.
	Code    int
	Message string
}

func (e *Error) Error() string { return e.Message }

// Primary is the primary result code of err, and 0 if it is not SQLite's.
func Primary(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Code & 0xff
	}
	return 0
}

// Conn is a connection. One goroutine uses it at a time; the functions that are set on it
// are called in that goroutine.
type Conn struct {
	tls    *libc.TLS
	db     uintptr
	sql    string // the text that was prepared last, with its copy
	copied uintptr
	names  []uintptr // C strings that live as long as the connection
	funcs  []func() (any, error)

	// Allow is asked for each action that a statement takes, when it is prepared; nil allows all.
	Allow func(action int, first, second, database, trigger string) bool
	// Changed is told of each row that is written, with its new rowid and the bytes of its texts and blobs. False
	// ends the statement.
	Changed func(rowid int64, bytes int) bool
	// Spend is told what a statement has cost since it was called last, in instructions of the virtual machine, and ends
	// the statement with true. It is called while a statement is prepared too.
	Spend func(instructions int) bool

	asked     int  // questions to the authorizer since a statement was prepared
	preparing bool // a statement is prepared
}

// StepUnit is the number of instructions of the virtual machine after which Spend is called.
const StepUnit = 100

var conns sync.Map // handle of the database -> *Conn

// Open opens the file, which is made if it is not there. With readOnly set it is neither made nor changed.
func Open(path string, readOnly bool) (*Conn, error) {
	c := &Conn{tls: libc.NewTLS()}
	name, err := libc.CString(path)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, name)
	out := c.tls.Alloc(8)
	defer c.tls.Free(8)
	flags := int32(lib.SQLITE_OPEN_READWRITE | lib.SQLITE_OPEN_CREATE | lib.SQLITE_OPEN_FULLMUTEX)
	if readOnly {
		flags = lib.SQLITE_OPEN_READONLY | lib.SQLITE_OPEN_FULLMUTEX
	}
	*at[uintptr](out) = 0
	rc := lib.Xsqlite3_open_v2(c.tls, name, out, flags, 0)
	c.db = *at[uintptr](out)
	if rc != lib.SQLITE_OK {
		err := c.failure(rc)
		c.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	conns.Store(c.db, c)
	lib.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	lib.Xsqlite3_busy_timeout(c.tls, c.db, 10_000)
	c.setOption(lib.SQLITE_DBCONFIG_DEFENSIVE, true)
	// A name in double quotes that does not exist is an error, and not a text.
	c.setOption(lib.SQLITE_DBCONFIG_DQS_DDL, false)
	c.setOption(lib.SQLITE_DBCONFIG_DQS_DML, false)
	c.hook()
	return c, nil
}

// Close ends the connection.
func (c *Conn) Close() {
	if c.tls == nil {
		return
	}
	if c.db != 0 {
		lib.Xsqlite3_close_v2(c.tls, c.db)
		conns.Delete(c.db)
	}
	c.forget()
	for _, name := range c.names {
		libc.Xfree(c.tls, name)
	}
	c.tls.Close()
	c.tls, c.db = nil, 0
}

func (c *Conn) setOption(option int32, on bool) {
	value := int32(0)
	if on {
		value = 1
	}
	list := c.tls.Alloc(16)
	defer c.tls.Free(16)
	lib.Xsqlite3_db_config(c.tls, c.db, option, libc.VaList(list, value, uintptr(0)))
}

// SetLimit is sqlite3_limit.
func (c *Conn) SetLimit(limit, value int32) { lib.Xsqlite3_limit(c.tls, c.db, limit, value) }

// InTransaction tells whether a transaction is open.
func (c *Conn) InTransaction() bool { return lib.Xsqlite3_get_autocommit(c.tls, c.db) == 0 }

// TotalChanges counts the rows that were written since the connection was opened.
func (c *Conn) TotalChanges() int64 { return lib.Xsqlite3_total_changes64(c.tls, c.db) }

// ForeignKeysOpen tells whether a foreign key is violated in the open transaction.
func (c *Conn) ForeignKeysOpen() bool {
	out := c.tls.Alloc(16)
	defer c.tls.Free(16)
	lib.Xsqlite3_db_status(c.tls, c.db, lib.SQLITE_DBSTATUS_DEFERRED_FKS, out, out+8, 0)
	return *at[int32](out) != 0
}

// Exec runs statements that have no parameters.
func (c *Conn) Exec(sql string) error {
	for sql != "" {
		stmt, rest, err := c.Prepare(sql)
		if err != nil {
			return err
		}
		if stmt != nil {
			for more := true; more && err == nil; {
				more, err = stmt.Step()
			}
			stmt.Close()
		}
		if err != nil {
			return fmt.Errorf("%.60s: %w", sql, err)
		}
		sql = rest
	}
	return nil
}

// failure is the error of the last call, which has returned rc.
func (c *Conn) failure(rc int32) error {
	e := &Error{Code: int(rc)}
	if c.db != 0 {
		e.Message = libc.GoString(lib.Xsqlite3_errmsg(c.tls, c.db))
	}
	if e.Message == "" || e.Message == "not an error" {
		e.Message = libc.GoString(lib.Xsqlite3_errstr(c.tls, rc))
	}
	e.Message = strings.ToValidUTF8(e.Message, "?")
	return e
}
