package sqlite

// checkSchema refuses what cannot be seen before the schema has it.
func (r *executor) checkSchema() error {
	// An error in it would be one of the statement that writes the applied index.
	found, err := r.some(`SELECT m.name FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
		WHERE m.type = 'table' AND lower(f."table") = '` + metaTable + `' LIMIT 1`)
	if err != nil {
		return err
	}
	if found {
		return refuse("the table %s is the state machine's own", metaTable)
	}
	if err := r.checkViews(); err != nil {
		return err
	}
	found, err = r.some(`SELECT 1 FROM sqlite_schema m WHERE m.type = 'table' AND 3 =
		(SELECT count(*) FROM pragma_table_xinfo(m.name) c WHERE lower(c.name) IN ('rowid', 'oid', '_rowid_')) LIMIT 1`)
	if found {
		return refuse("a table with columns of the names rowid, oid and _rowid_ is refused: the rowids of its rows have no name then, and no place in a snapshot")
	}
	return err
}

// checkViews refuses views that SQLite expands to too much: each statement that uses them would have to, and ALTER TABLE
// does it with all of them and asks for nothing.
func (r *executor) checkViews() error {
	names, err := r.views()
	if err != nil {
		return err
	}
	r.expanding, r.expansion = true, 0
	defer func() { r.expanding = false }()
	for _, name := range names {
		stmt, _, err := r.s.writer.Prepare("SELECT 1 FROM main." + quote(name))
		if stmt != nil {
			stmt.Close()
		}
		if r.expansion > maxExpansion {
			return refuse("the views are refused: SQLite would have to look at too many tables and columns to expand them")
		}
		if err != nil && !isRefusal(err) { // a view of a table that is not there may stay
			return err
		}
	}
	return nil
}

func (r *executor) views() (names []string, err error) {
	stmt, _, err := r.s.writer.Prepare("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY rowid")
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			return names, err
		}
		name, _ := stmt.Value(0).(string)
		names = append(names, name)
	}
}

// some tells whether a query of the state machine's own has a row.
func (r *executor) some(sql string) (bool, error) {
	stmt, _, err := r.s.writer.Prepare(sql)
	if err != nil {
		return false, err
	}
	defer stmt.Close()
	return stmt.Step()
}
