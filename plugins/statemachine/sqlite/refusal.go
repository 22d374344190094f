package sqlite

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite/internal/engine"
	lib "modernc.org/sqlite/lib"
)

// errRefused: the command is refused, with a reason that is the same on all members.
type errRefused string

func (e errRefused) Error() string { return string(e) }

func refuse(format string, args ...any) error { return errRefused(fmt.Sprintf(format, args...)) }

func shorten(text string) string {
	const most = 2000
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// isRefusal tells an error that is the same on all members from one of this process, as a
// full disk.
func isRefusal(err error) bool {
	var r errRefused
	if errors.As(err, &r) {
		return true
	}
	switch engine.Primary(err) {
	case lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG, lib.SQLITE_RANGE,
		lib.SQLITE_AUTH, lib.SQLITE_ABORT, lib.SQLITE_LOCKED:
		return true
	}
	return false
}
