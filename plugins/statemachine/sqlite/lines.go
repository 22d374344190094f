package sqlite

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// lines is an answer in chunks. While the client takes a chunk the view can be taken away:
// so each chunk is handed over beside, and the view is given up before the client is waited for.
type lines struct {
	v       *view
	send    func([]byte) error
	size    int
	buf     []byte
	pending chan error // of a chunk that is not taken yet
}

func (l *lines) answer(ctx context.Context, q statement) error {
	l.v.beside = func() error { return l.hand(nil) }
	l.v.watch(ctx)
	stmt, err := l.v.prepare(q)
	if err != nil {
		return err
	}
	defer stmt.Close()
	names := stmt.Columns()
	l.buf = strconv.AppendUint([]byte(`{"applied":`), l.v.applied, 10)
	l.buf = append(appendNames(append(l.buf, `,"columns":`...), names), '}', '\n')
	count := 0
	for ; ; count++ {
		more, err := stmt.Step()
		if err != nil {
			return l.v.wrap(err)
		}
		if !more {
			break
		}
		fits := false
		if l.buf, fits = appendRow(l.buf, stmt, len(names), len(l.buf)+maxRowBytes); !fits {
			return fmt.Errorf("%w: %w: a row of the answer is longer than %d bytes", plugins.ErrLimit, statemachine.ErrInvalidQuery, maxRowBytes)
		}
		l.buf = append(l.buf, '\n')
		if err := l.flush(l.size); err != nil {
			return err
		}
	}
	l.buf = append(strconv.AppendInt(append(l.buf, `{"rows":`...), int64(count), 10), '}', '\n')
	return l.flush(1)
}

// flush hands over chunks until fewer than least bytes are left.
func (l *lines) flush(least int) error {
	rest := l.buf
	for len(rest) >= least {
		n := min(len(rest), l.size)
		if err := l.hand(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	l.buf = append(l.buf[:0], rest...)
	return nil
}

// maxRowBytes bounds a row of an answer, which is held as a whole.
const maxRowBytes = 64 << 20

// hand gives the client a chunk, and waits until it is taken or the view is taken away.
func (l *lines) hand(chunk []byte) error {
	done := make(chan error, 1)
	go func() { done <- l.send(chunk) }()
	select {
	case err := <-done:
		return err
	case <-l.v.ctx.Done():
		l.pending = done
		return context.Cause(l.v.ctx)
	}
}

// settle waits for the chunk under way: none may be sent after the call has returned.
func (l *lines) settle(err error) error {
	if l.pending != nil {
		<-l.pending
	}
	return err
}
