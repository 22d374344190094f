package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// errNoAnswer: the storage has left a question unanswered for longer than this host waits.
var errNoAnswer = errors.New("the storage has not answered")

// storageLimit is how long one question to the storage may be unanswered before it is
// given up and asked again.
func storageLimit(election time.Duration) time.Duration { return SavePatience(election) }

// asked watches a question to the storage until answered is called with what came of
// it. One that takes an election is told as what cannot be read; after storageLimit
// giveUp is called, once, and must end it.
func (d *driver) asked(what string, giveUp func()) (answered func(error) error) {
	var mu sync.Mutex
	over, late := false, false
	limit := storageLimit(d.s.cfg.Election)
	after := func(wait time.Duration, do func()) *time.Timer {
		return time.AfterFunc(wait, func() {
			mu.Lock()
			defer mu.Unlock()
			if !over {
				do()
			}
		})
	}
	slow := after(d.s.cfg.Election, func() { d.reading.say(fmt.Errorf("%s: no answer for %v", what, d.s.cfg.Election)) })
	end := after(limit, func() {
		late = true
		giveUp()
	})
	return func(err error) error {
		slow.Stop()
		end.Stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
		if late && err != nil {
			err = fmt.Errorf("%w for %v: %w", errNoAnswer, limit, err)
		}
		return err
	}
}

// openSnapshot opens a snapshot for reading. Each read of it is a question of its own.
func (d *driver) openSnapshot(ctx context.Context, st storage.Storage, index uint64) (storage.SnapshotReader, error) {
	ctx, cancel := context.WithCancel(ctx)
	answered := d.asked(fmt.Sprintf("open snapshot %d", index), cancel)
	r, err := st.OpenSnapshot(ctx, index)
	if err := answered(err); err != nil {
		cancel()
		return nil, err
	}
	return &openSnapshot{r, d, fmt.Sprintf("read snapshot %d", index), cancel}, nil
}

// openSnapshot is a snapshot that is read under the eyes of asked.
type openSnapshot struct {
	storage.SnapshotReader
	d      *driver
	what   string
	giveUp func()
}

// Read implements io.Reader.
func (o *openSnapshot) Read(b []byte) (int, error) {
	answered := o.d.asked(o.what, o.giveUp)
	n, err := o.SnapshotReader.Read(b)
	if failed := answered(err); err != io.EOF {
		err = failed
	}
	return n, err
}

// Close implements io.Closer.
func (o *openSnapshot) Close() error {
	defer o.giveUp()
	return o.SnapshotReader.Close()
}
