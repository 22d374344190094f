package sqlite

import (
	"context"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Apply applies a batch as one transaction, with the applied index in it. Each command is in a
// savepoint of its own.
func (m *machine) Apply(_ context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	s, err := m.usable()
	if err != nil {
		return nil, err
	}
	results := make([]statemachine.Result, len(b.Entries))
	first := 0
	for first < len(b.Entries) && b.Entries[first].Index <= m.applied {
		results[first].Skipped = true
		first++
	}
	err = m.apply(b.Entries[first:], results[first:], b.Through)
	if err != nil {
		m.mu.Lock()
		m.broken = err
		m.mu.Unlock()
		return nil, err
	}
	s.limitWAL()
	return results, nil
}

// apply applies entries in one transaction, or in more: a command that ends the transaction, as INSERT
// OR ROLLBACK does, takes those before it along. They are applied again, without it.
func (m *machine) apply(entries []statemachine.Entry, results []statemachine.Result, through uint64) error {
	for {
		n, err := m.transact(entries, results)
		if err != nil {
			return err
		}
		if n == len(entries) {
			return m.commit(max(through, m.applied))
		}
		if again, err := m.transact(entries[:n], results); err != nil || again != n {
			return fmt.Errorf("entries %d to %d had another effect when applied again: %w", entries[0].Index, entries[n].Index, err)
		}
		if err := m.commit(entries[n].Index); err != nil {
			return err
		}
		entries, results = entries[n+1:], results[n+1:]
	}
}

// transact begins a transaction and applies the entries in it. It returns how many it holds: all
// but if one has ended the transaction.
func (m *machine) transact(entries []statemachine.Entry, results []statemachine.Result) (int, error) {
	if err := m.store.writer.Exec("BEGIN IMMEDIATE"); err != nil {
		return 0, err
	}
	for i, entry := range entries {
		if entry.Tick {
			continue
		}
		var err error
		if results[i], err = m.run.command(entry); err != nil {
			return 0, err
		}
		if !m.store.writer.InTransaction() {
			return i, nil
		}
	}
	return len(entries), nil
}

// commit ends the transaction at an applied index.
func (m *machine) commit(applied uint64) error {
	w := m.store.writer
	if err := w.Exec(fmt.Sprintf("UPDATE %s SET applied = %d; COMMIT", metaTable, int64(applied))); err != nil {
		return fmt.Errorf("commit at %d: %w", applied, err)
	}
	m.mu.Lock()
	m.applied = applied
	m.mu.Unlock()
	return nil
}
