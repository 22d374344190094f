// Package sqlite is a state machine whose commands and queries are SQL. Its state is a
// database of SQLite in the data directory.
//
//   - machine.go is the life of it all, and directory.go has the files;
//   - apply.go runs a batch and command.go a command, with the functions and the price of
//     entry.go; policy.go and schema.go say which SQL is the same on all members, and
//     refusal.go what is told of another;
//   - values.go and bind.go have statements and their arguments, rows.go what a command returns;
//   - query.go answers queries, lines.go in chunks;
//   - store.go and view.go are the connections: one that writes, and one for each query, which
//     reads the state at one index;
//   - snapshot.go saves what dump.go writes, the content in a defined order, of which the hash is
//     made, too; load.go, records.go and reading.go read it.
package sqlite
