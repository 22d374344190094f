package engine

import (
	"fmt"
	"math"
	"strings"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Stmt is a prepared statement.
type Stmt struct {
	c      *Conn
	handle uintptr
	bound  []uintptr // memory of bound values
}

// Prepare prepares the first statement of sql and returns the text after it. The statement
// is nil if there was none, as in a comment.
func (c *Conn) Prepare(sql string) (*Stmt, string, error) {
	text, err := c.text(sql)
	if err != nil {
		return nil, "", err
	}
	out := c.tls.Alloc(16)
	defer c.tls.Free(16)
	*at[uintptr](out), *at[uintptr](out + 8) = 0, 0
	c.asked, c.preparing = 0, true
	rc := lib.Xsqlite3_prepare_v2(c.tls, c.db, text, -1, out, out+8)
	c.preparing = false
	if rc != lib.SQLITE_OK {
		return nil, "", c.failure(rc)
	}
	rest := sql[*at[uintptr](out + 8)-text:]
	if handle := *at[uintptr](out); handle != 0 {
		return &Stmt{c: c, handle: handle}, rest, nil
	}
	return nil, rest, nil
}

// text is sql in C memory. The rest of the text before it is there already: a text of many statements is copied once.
func (c *Conn) text(sql string) (uintptr, error) {
	if n := len(c.sql) - len(sql); sql != "" && n >= 0 && unsafe.StringData(c.sql[n:]) == unsafe.StringData(sql) {
		return c.copied + uintptr(n), nil
	}
	if strings.IndexByte(sql, 0) >= 0 {
		return 0, &Error{Code: lib.SQLITE_ERROR, Message: "the statement holds a zero byte"}
	}
	c.forget()
	text, err := libc.CString(sql)
	if err == nil {
		c.sql, c.copied = sql, text
	}
	return text, err
}

// forget frees the text that was prepared last.
func (c *Conn) forget() {
	if c.copied != 0 {
		libc.Xfree(c.tls, c.copied)
	}
	c.sql, c.copied = "", 0
}

// Params are the names of the parameters, from the first on; "" for one without a name.
func (s *Stmt) Params() []string {
	names := make([]string, lib.Xsqlite3_bind_parameter_count(s.c.tls, s.handle))
	for i := range names {
		names[i] = libc.GoString(lib.Xsqlite3_bind_parameter_name(s.c.tls, s.handle, int32(i+1)))
	}
	return names
}

// Bind gives parameter i, from 1, its value: nil, int64, float64, string or []byte.
func (s *Stmt) Bind(i int, value any) error {
	var rc int32
	switch v := value.(type) {
	case nil:
		rc = lib.Xsqlite3_bind_null(s.c.tls, s.handle, int32(i))
	case int64:
		rc = lib.Xsqlite3_bind_int64(s.c.tls, s.handle, int32(i), v)
	case float64:
		rc = lib.Xsqlite3_bind_double(s.c.tls, s.handle, int32(i), v)
	case string:
		p, err := s.hold([]byte(v))
		if err != nil {
			return err
		}
		rc = lib.Xsqlite3_bind_text(s.c.tls, s.handle, int32(i), p, int32(len(v)), 0)
	case []byte:
		p, err := s.hold(v)
		if err != nil {
			return err
		}
		rc = lib.Xsqlite3_bind_blob64(s.c.tls, s.handle, int32(i), p, uint64(len(v)), 0)
	default:
		return fmt.Errorf("a value of type %T", value)
	}
	if rc != lib.SQLITE_OK {
		return s.c.failure(rc)
	}
	return nil
}

// hold keeps a copy of b until Reset or Close.
func (s *Stmt) hold(b []byte) (uintptr, error) {
	if len(b) > math.MaxInt32 {
		return 0, &Error{Code: lib.SQLITE_TOOBIG, Message: "string or blob too big"}
	}
	p := libc.Xmalloc(s.c.tls, libcSize(len(b)+1)) // a nil pointer would be NULL
	if p == 0 {
		return 0, &Error{Code: lib.SQLITE_NOMEM, Message: "out of memory"}
	}
	copy(bytesAt(p, len(b)), b)
	s.bound = append(s.bound, p)
	return p, nil
}

// Step goes on to the next row; false is the end.
func (s *Stmt) Step() (bool, error) {
	switch rc := lib.Xsqlite3_step(s.c.tls, s.handle); rc {
	case lib.SQLITE_ROW:
		return true, nil
	case lib.SQLITE_DONE:
		return false, nil
	default:
		return false, s.c.failure(rc)
	}
}

// Columns are the names of the columns of a row; none for a statement that has no rows.
func (s *Stmt) Columns() []string {
	names := make([]string, lib.Xsqlite3_column_count(s.c.tls, s.handle))
	for i := range names {
		names[i] = strings.ToValidUTF8(libc.GoString(lib.Xsqlite3_column_name(s.c.tls, s.handle, int32(i))), "?")
	}
	return names
}

// Value is column i, from 0, of the present row: nil, int64, float64, string or []byte.
func (s *Stmt) Value(i int) any {
	column := int32(i)
	switch lib.Xsqlite3_column_type(s.c.tls, s.handle, column) {
	case lib.SQLITE_INTEGER:
		return lib.Xsqlite3_column_int64(s.c.tls, s.handle, column)
	case lib.SQLITE_FLOAT:
		return lib.Xsqlite3_column_double(s.c.tls, s.handle, column)
	case lib.SQLITE_TEXT:
		p := lib.Xsqlite3_column_text(s.c.tls, s.handle, column)
		return string(bytesAt(p, int(lib.Xsqlite3_column_bytes(s.c.tls, s.handle, column))))
	case lib.SQLITE_BLOB:
		p := lib.Xsqlite3_column_blob(s.c.tls, s.handle, column)
		return append([]byte{}, bytesAt(p, int(lib.Xsqlite3_column_bytes(s.c.tls, s.handle, column)))...)
	}
	return nil
}

// Size is the number of bytes of column i, if it is a text or a blob.
func (s *Stmt) Size(i int) int {
	switch lib.Xsqlite3_column_type(s.c.tls, s.handle, int32(i)) {
	case lib.SQLITE_TEXT, lib.SQLITE_BLOB:
		return int(lib.Xsqlite3_column_bytes(s.c.tls, s.handle, int32(i)))
	}
	return 8
}

// ReadOnly tells whether the statement changes nothing in the file.
func (s *Stmt) ReadOnly() bool { return lib.Xsqlite3_stmt_readonly(s.c.tls, s.handle) != 0 }

// Explains tells whether the statement is an EXPLAIN.
func (s *Stmt) Explains() bool { return lib.Xsqlite3_stmt_isexplain(s.c.tls, s.handle) != 0 }

// Reset makes the statement ready to run again, with no values.
func (s *Stmt) Reset() {
	lib.Xsqlite3_reset(s.c.tls, s.handle)
	lib.Xsqlite3_clear_bindings(s.c.tls, s.handle)
	for _, p := range s.bound {
		libc.Xfree(s.c.tls, p)
	}
	s.bound = s.bound[:0]
}

// Close gives the statement up.
func (s *Stmt) Close() {
	lib.Xsqlite3_finalize(s.c.tls, s.handle)
	for _, p := range s.bound {
		libc.Xfree(s.c.tls, p)
	}
	s.bound = nil
}
