package shell_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
	"github.com/pontoon-raft/pontoon/plugins/storage/shell"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// fileLog is the smallest log there is: one file, written anew by every append. All
// else of a storage backend is the shell's.
type fileLog struct {
	fs     vfs.FS
	limits plugins.Limits
	poison shell.Poison
	dir    string

	writing sync.Mutex
	mu      sync.Mutex
	content content
}

type content struct {
	State   logstate.State
	Entries []storage.Entry // those after Base
}

const logName = "log"

// stray names the log.
func stray(names []string) string {
	if slices.Contains(names, logName) {
		return logName
	}
	return ""
}

func openFileLog(p shell.Place) (*fileLog, storage.State, error) {
	l := &fileLog{fs: p.FS, limits: p.Options.Limits, poison: p.Poison, dir: p.Options.DataDir, content: content{State: logstate.New(0, 0)}}
	f, err := p.FS.Open(logName)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	} else if err == nil {
		err = errors.Join(json.NewDecoder(io.NewSectionReader(f, 0, 1<<40)).Decode(&l.content), f.Close())
	}
	return l, l.content.State.Opened(), err
}

// change writes what the log becomes, and shows it after that.
func (l *fileLog) change(do func(*content)) error {
	next := content{State: l.content.State.Clone(), Entries: slices.Clone(l.content.Entries)}
	do(&next)
	b, err := json.Marshal(next)
	if err == nil {
		err = vfs.Replace(l.fs, logName, logName+".new", b)
	}
	if err != nil {
		return l.poison.Fail(fmt.Errorf("write: %w", err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.content = next
	return nil
}

func (l *fileLog) Append(batches []storage.Batch) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.content.State.CheckAppend(batches, l.limits); err != nil {
		return err
	}
	return l.change(func(c *content) {
		for i := range batches {
			if e := batches[i].Entries; len(e) > 0 {
				c.Entries = append(c.Entries[:e[0].Index-c.State.Base-1], e...)
			}
			c.State.Take(&batches[i])
		}
	})
}

func (l *fileLog) Read(lo, hi, maxBytes uint64) ([]storage.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.content.State.CheckRead(lo, hi); err != nil {
		return nil, err
	}
	base := l.content.State.Base
	var found []storage.Entry
	size := uint64(0)
	for _, e := range l.content.Entries[lo-base-1 : hi-base-1] {
		if size += uint64(len(e.Data)) + 16; len(found) > 0 && size > maxBytes {
			break
		}
		found = append(found, e)
	}
	return found, nil
}

func (l *fileLog) Compact(index, newest uint64) (uint64, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	base := l.content.State.Base
	if index <= base {
		return base + 1, nil
	}
	if err := l.content.State.CheckCompact(index, newest); err != nil {
		return 0, err
	}
	return index + 1, l.change(func(c *content) {
		c.Entries = c.Entries[index-base:]
		c.State.Compact(index, c.State.Term(index))
	})
}

func (l *fileLog) Install(index, term uint64, hs storage.HardState) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	hs, err := l.content.State.CheckInstall(index, hs)
	if err != nil {
		return err
	}
	return l.change(func(c *content) {
		*c = content{State: logstate.New(index, term)}
		c.State.Hard = hs
	})
}

func (l *fileLog) CheckSnapshot(index, term uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.content.State.CheckSnapshot(index, term)
}

func (l *fileLog) Commit() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.content.State.Hard.Commit
}

func (l *fileLog) Space() (storage.Space, error) { return storage.Space{}, nil }
func (l *fileLog) Begin()                        {}
func (l *fileLog) Close() error                  { return nil }
