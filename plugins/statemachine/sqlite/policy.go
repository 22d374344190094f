package sqlite

import (
	"fmt"
	"strings"

	lib "modernc.org/sqlite/lib"
)

// metaTable keeps the applied index and the node that the file belongs to. No statement of a
// client sees it.
const metaTable = "pontoon_meta"

// A policy decides what a statement may do. It is asked while the statement is prepared.
type policy struct {
	// own is set while the state machine runs statements of its own.
	own bool
	// reads is set for queries: they change nothing and are seen by one member alone.
	reads bool
	// reason is why the statement was refused first.
	reason string
	// creates, alters and changes are set once the statement makes a table, alters one, or changes the schema.
	creates, alters, changes bool
}

// begin is called before a client's statement is prepared.
func (p *policy) begin() { p.reason, p.creates, p.alters, p.changes = "", false, false, false }

func (p *policy) refuse(format string, args ...any) bool {
	if p.reason == "" {
		p.reason = fmt.Sprintf(format, args...)
	}
	return false
}

// refused are the actions that no command takes, with the reason.
var refused = map[int]string{
	lib.SQLITE_TRANSACTION:         "BEGIN, COMMIT and ROLLBACK are refused: each command is whole or leaves nothing",
	lib.SQLITE_SAVEPOINT:           "SAVEPOINT and RELEASE are refused: each command is whole or leaves nothing",
	lib.SQLITE_ATTACH:              "ATTACH is refused, and VACUUM with it: the state is one file",
	lib.SQLITE_DETACH:              "DETACH is refused: the state is one file",
	lib.SQLITE_ANALYZE:             "ANALYZE is refused: the plan of a statement, and with it the order of its rows, would depend on when it ran",
	lib.SQLITE_CREATE_VTABLE:       "virtual tables are refused: their state is not in the snapshot",
	lib.SQLITE_DROP_VTABLE:         "virtual tables are refused: their state is not in the snapshot",
	lib.SQLITE_RECURSIVE:           "a recursive query is refused in a command: it may have no end",
	lib.SQLITE_CREATE_TEMP_INDEX:   temporary,
	lib.SQLITE_CREATE_TEMP_TABLE:   temporary,
	lib.SQLITE_CREATE_TEMP_TRIGGER: temporary,
	lib.SQLITE_CREATE_TEMP_VIEW:    temporary,
	lib.SQLITE_DROP_TEMP_INDEX:     temporary,
	lib.SQLITE_DROP_TEMP_TABLE:     temporary,
	lib.SQLITE_DROP_TEMP_TRIGGER:   temporary,
	lib.SQLITE_DROP_TEMP_VIEW:      temporary,
}

const temporary = "temporary tables, views and triggers are refused: they would be gone with the process"

// allow is the authorizer of a connection.
func (p *policy) allow(action int, first, second, database, _ string) bool {
	switch {
	case p.own:
		return true
	case strings.EqualFold(first, metaTable) || strings.EqualFold(second, metaTable):
		return p.refuse("the table %s is the state machine's own", metaTable)
	case p.reads:
		return p.allowRead(action, first, second)
	}
	if reason, found := refused[action]; found {
		return p.refuse("%s", reason)
	}
	switch action {
	case lib.SQLITE_PRAGMA:
		return p.changes && first == addsColumn || p.refuse("PRAGMA %s is refused in a command: settings are not a part of the state", first)
	case lib.SQLITE_FUNCTION:
		return p.allowFunction(strings.ToLower(second))
	case lib.SQLITE_CREATE_TABLE:
		p.creates, p.changes = true, true
		return database != "temp" || p.refuse("%s", temporary) // as in CREATE TABLE temp.x
	case lib.SQLITE_ALTER_TABLE:
		p.alters, p.changes = true, true
	case lib.SQLITE_CREATE_INDEX, lib.SQLITE_CREATE_TRIGGER, lib.SQLITE_CREATE_VIEW,
		lib.SQLITE_DROP_INDEX, lib.SQLITE_DROP_TABLE, lib.SQLITE_DROP_TRIGGER, lib.SQLITE_DROP_VIEW:
		p.changes = true
	case lib.SQLITE_SELECT:
		if p.creates {
			return p.refuse("CREATE TABLE AS SELECT is refused: create the table, and then insert")
		}
	case lib.SQLITE_READ, lib.SQLITE_INSERT, lib.SQLITE_UPDATE, lib.SQLITE_DELETE:
		return p.allowTable(action, strings.ToLower(first), second)
	case lib.SQLITE_REINDEX:
	default:
		return p.refuse("action %d of SQLite is refused in a command", action)
	}
	return true
}

// addsColumn is the PRAGMA by which SQLite checks the rows when a column with a constraint is added.
const addsColumn = "quick_check"

// allowTable keeps commands from what depends on where rows are in the file, or on the process.
func (p *policy) allowTable(action int, table, column string) bool {
	switch {
	case table == "sqlite_sequence":
		if action == lib.SQLITE_READ || action == lib.SQLITE_DELETE || p.changes && column == "name" {
			return true
		}
		return p.refuse("sqlite_sequence is refused: SQLite keeps it")
	case strings.HasPrefix(table, "sqlite_"):
		// The schema is read and written by SQLite itself when it changes, and also before
		// that is announced: a write with nothing else in the statement is refused by SQLite.
		if action != lib.SQLITE_READ || p.changes {
			return true
		}
		return p.refuse("%s is refused in a command: the order of its rows is not a part of the state", table)
	case p.changes && table == "pragma_"+addsColumn:
		return true
	case table == "dbstat", table == "bytecode", table == "tables_used", strings.HasPrefix(table, "pragma_"):
		return p.refuse("%s is refused in a command: it is not a part of the state", table)
	}
	return true
}

// notOfTheEntry are the functions with a value that is not a function of state and entry.
// They are also replaced where commands run: a default value is not prepared with its statement.
var notOfTheEntry = map[string]int{
	"random": 0, "randomblob": 1, "date": -1, "time": -1, "datetime": -1, "julianday": -1, "unixepoch": -1, "strftime": -1,
	"timediff": 2, "changes": 0, "total_changes": 0, "last_insert_rowid": 0, "sqlite_version": 0, "sqlite_source_id": 0,
	"sqlite_compileoption_used": 1, "sqlite_compileoption_get": 1,
}

func refusedFunction(name string) string {
	hint := ""
	switch name {
	case "date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff":
		hint = "; entry_time() is the time of the command in milliseconds since 1970, and CURRENT_TIMESTAMP is that too"
	case "last_insert_rowid", "changes":
		hint = "; use RETURNING"
	case "random", "randomblob":
		hint = "; draw the value before, and give it as an argument"
	}
	return fmt.Sprintf("the function %s() is refused in a command: members would differ%s", name, hint)
}

func (p *policy) allowFunction(name string) bool {
	if deterministic[name] || p.changes && (strings.HasPrefix(name, "sqlite_rename_") || strings.HasPrefix(name, "sqlite_drop_") ||
		strings.HasPrefix(name, "sqlite_add_") || strings.HasPrefix(name, "sqlite_find_") || name == "sqlite_fail") {
		return true
	}
	if _, known := notOfTheEntry[name]; known {
		return p.refuse("%s", refusedFunction(name))
	}
	if strings.HasPrefix(name, "json_group_") || strings.HasPrefix(name, "jsonb_group_") {
		return p.refuse("the function %s() is refused in a command: it gathers rows without a bound, until the memory is full; a query may use it", name)
	}
	return p.refuse("the function %s() is refused in a command: it is not on the list of those that are the same on all members", name)
}

var deterministic = set(`abs char coalesce concat concat_ws format printf glob hex unhex ifnull iif if instr length octet_length like
	likelihood likely unlikely lower upper ltrim rtrim trim max min nullif quote replace round sign substr substring typeof unicode
	zeroblob ceil ceiling floor trunc mod avg count group_concat string_agg sum total
	row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
	json jsonb json_array jsonb_array json_array_length json_error_position json_extract jsonb_extract json_insert jsonb_insert
	json_object jsonb_object json_patch jsonb_patch json_pretty json_quote json_remove jsonb_remove json_replace jsonb_replace
	json_set jsonb_set json_type json_valid -> ->>
	entry_time entry_term entry_index current_timestamp current_date current_time`)

// pragmas are those that a query may ask, and that change nothing without a value.
var pragmas = set(`table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_key_check
	collation_list function_list compile_options integrity_check quick_check page_count page_size freelist_count`)

func (p *policy) allowRead(action int, first, second string) bool {
	switch action {
	case lib.SQLITE_SELECT, lib.SQLITE_READ, lib.SQLITE_RECURSIVE:
		return true
	case lib.SQLITE_FUNCTION:
		if name := strings.ToLower(second); name == "load_extension" || strings.HasPrefix(name, "fts3_") {
			return p.refuse("the function %s() is refused", name)
		}
		return true
	case lib.SQLITE_PRAGMA:
		if pragmas[strings.ToLower(first)] {
			return true
		}
		return p.refuse("PRAGMA %s is refused in a query", first)
	}
	return p.refuse("a query reads alone: changes are commands")
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, word := range strings.Fields(words) {
		m[word] = true
	}
	return m
}
