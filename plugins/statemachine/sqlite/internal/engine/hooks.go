package engine

import (
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

// at is the value at an address of C memory. The address goes through a pointer to it, as
// the library itself does it: the memory is not Go's.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

func bytesAt(p uintptr, n int) []byte {
	if n == 0 {
		return nil
	}
	return unsafe.Slice(at[byte](p), n)
}

func libcSize(n int) types.Size_t { return types.Size_t(n) }

// pointer makes a function that was declared, and is not a closure, callable for C, as the
// library itself does it.
func pointer[T any](f T) uintptr { return *(*uintptr)(unsafe.Pointer(&struct{ f T }{f})) }

func (c *Conn) hook() {
	lib.Xsqlite3_set_authorizer(c.tls, c.db, pointer(authorize), c.db)
	lib.Xsqlite3_preupdate_hook(c.tls, c.db, pointer(changed), c.db)
	lib.Xsqlite3_progress_handler(c.tls, c.db, StepUnit, pointer(progress), c.db)
}

func connOf(db uintptr) *Conn {
	if c, ok := conns.Load(db); ok {
		return c.(*Conn)
	}
	return nil
}

func authorize(_ *libc.TLS, db uintptr, action int32, first, second, database, trigger uintptr) int32 {
	c := connOf(db)
	if c == nil {
		return lib.SQLITE_DENY
	}
	if c.ask() {
		return lib.SQLITE_DENY
	}
	if c.Allow == nil || c.Allow(int(action), text(first), text(second), text(database), text(trigger)) {
		return lib.SQLITE_OK
	}
	return lib.SQLITE_DENY
}

func text(p uintptr) string {
	if p == 0 {
		return ""
	}
	return libc.GoString(p)
}

func changed(tls *libc.TLS, _, db uintptr, op int32, _, _ uintptr, _, rowid int64) {
	c := connOf(db)
	if c != nil && c.Changed != nil && op != lib.SQLITE_DELETE && !c.Changed(rowid, written(tls, db)) {
		lib.Xsqlite3_interrupt(tls, db)
	}
}

// written is how many bytes the texts and blobs of the row have that is written.
func written(tls *libc.TLS, db uintptr) (n int) {
	out := tls.Alloc(8)
	defer tls.Free(8)
	for i := range lib.Xsqlite3_preupdate_count(tls, db) {
		if lib.Xsqlite3_preupdate_new(tls, db, i, out) != lib.SQLITE_OK {
			continue
		}
		switch value := *at[uintptr](out); lib.Xsqlite3_value_type(tls, value) {
		case lib.SQLITE_TEXT, lib.SQLITE_BLOB:
			n += int(lib.Xsqlite3_value_bytes(tls, value))
		}
	}
	return n
}

func progress(_ *libc.TLS, db uintptr) int32 {
	if c := connOf(db); c != nil && c.progress() {
		return 1
	}
	return 0
}

// Function makes f a function of SQL without parameters, or, with args -1, one with any
// number of them, which f does not see. It takes the place of one that SQLite has.
func (c *Conn) Function(name string, args int, f func() (any, error)) error {
	text, err := libc.CString(name)
	if err != nil {
		return err
	}
	c.names = append(c.names, text)
	c.funcs = append(c.funcs, f)
	rc := lib.Xsqlite3_create_function(c.tls, c.db, text, int32(args), lib.SQLITE_UTF8, uintptr(len(c.funcs)), pointer(call), 0, 0)
	if rc != lib.SQLITE_OK {
		return c.failure(rc)
	}
	return nil
}

func call(tls *libc.TLS, ctx uintptr, _ int32, _ uintptr) {
	c := connOf(lib.Xsqlite3_context_db_handle(tls, ctx))
	value, err := c.funcs[lib.Xsqlite3_user_data(tls, ctx)-1]()
	switch v := value.(type) {
	case int64:
		lib.Xsqlite3_result_int64(tls, ctx, v)
	case string:
		withText(tls, v, func(p uintptr) {
			lib.Xsqlite3_result_text(tls, ctx, p, int32(len(v)), lib.SQLITE_TRANSIENT)
		})
	}
	if err != nil {
		message := err.Error()
		withText(tls, message, func(p uintptr) { lib.Xsqlite3_result_error(tls, ctx, p, int32(len(message))) })
	}
}

func withText(tls *libc.TLS, s string, use func(uintptr)) {
	if p, err := libc.CString(s); err == nil {
		use(p)
		libc.Xfree(tls, p)
	}
}
