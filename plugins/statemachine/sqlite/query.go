package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// hashQuery asks for the SHA-256 of the content.
const hashQuery = ".hash"

// Query answers a SELECT in one piece.
func (m *machine) Query(ctx context.Context, data []byte) ([]byte, error) {
	v, err := m.look(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	v.watch(ctx)
	if string(bytes.TrimSpace(data)) == hashQuery {
		sum, err := v.hash()
		if err != nil {
			return nil, err
		}
		return fmt.Appendf(nil, `{"applied":%d,"sha256":"%x"}`, v.applied, sum), nil
	}
	q, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", statemachine.ErrInvalidQuery, err)
	}
	stmt, err := v.prepare(q)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	var a rowsOf
	if err := a.read(stmt); err != nil {
		return nil, v.wrap(err)
	}
	out := strconv.AppendUint([]byte(`{"applied":`), v.applied, 10)
	out = append(append(out, `,"columns":`...), a.columns...)
	out = append(append(append(out, `,"rows":[`...), a.rows...), ']', '}')
	return out, nil
}

func (m *machine) look(ctx context.Context) (*view, error) {
	s, err := m.usable()
	if err != nil {
		return nil, err
	}
	return s.view(ctx, true)
}

// QueryStream answers a SELECT in lines of JSON: {"applied":…,"columns":[…]}, then a list of values
// for each row, and {"rows":…} at the end. All of it is of one index.
func (m *machine) QueryStream(ctx context.Context, data []byte, send func([]byte) error) error {
	if _, err := m.usable(); err != nil {
		return err
	}
	q, err := parse(data)
	if err != nil {
		return fmt.Errorf("%w: %w", statemachine.ErrInvalidQuery, err)
	}
	v, err := m.look(ctx)
	if err != nil {
		return err
	}
	out := &lines{v: v, send: send, size: m.chunk}
	err = out.answer(ctx, q)
	v.close()
	return out.settle(err)
}
