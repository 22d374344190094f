package certfiles

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// Recheck is the least time between two looks at the files.
const Recheck = 2 * time.Second

// A Source is something that is made of the texts of files, as they are at the
// time. Its methods may be called concurrently.
type Source[T any] struct {
	files   []File
	build   func(texts []string) (T, error)
	end     func(T) time.Time
	logger  *slog.Logger
	current atomic.Pointer[T]
	told    *T // the last that Watch has told of; its alone after Open

	mu      sync.Mutex // held while the files are looked at
	checked time.Time
	used    []string // what current was made of
	problem string   // of the files as they were found last; "" if none

	warned atomic.Pointer[string] // the last problem that was logged; nil if none
}

// Open reads the files, and makes with build what they are for. End is until
// when that is good, which is logged when the files have changed. Without a
// logger, files that are broken later are not complained of.
func Open[T any](files []File, build func(texts []string) (T, error), end func(T) time.Time, logger *slog.Logger) (*Source[T], error) {
	logger = cmp.Or(logger, slog.New(slog.DiscardHandler))
	texts, err := readAll(files)
	if err != nil {
		return nil, err
	}
	made, err := build(texts)
	if err != nil {
		return nil, err
	}
	s := &Source[T]{files: files, build: build, end: end, logger: logger, checked: time.Now(), used: texts}
	s.current.Store(&made)
	s.told = &made
	return s, nil
}

// Get is what new connections are made with: it looks at the files if the last
// look is a while ago. While another goroutine is looking, Get is what was there
// before.
func (s *Source[T]) Get() T {
	if s.mu.TryLock() {
		s.refresh()
		s.mu.Unlock()
	}
	return s.Last()
}

// Last is what the last look has found, without another one.
func (s *Source[T]) Last() T { return *s.current.Load() }

// Refused is why the files cannot be used as they are, so that those of before are; it is
// empty if they can. It goes by two looks at least: several files are not replaced in one
// moment.
func (s *Source[T]) Refused() string {
	if why := s.warned.Load(); why != nil {
		return *why
	}
	return ""
}

// Watch looks at the files from time to time until ctx ends, so that a mistake
// in them shows before the next connection does. Changed is called with what is new
// since Open, also if a connection's look has found it. It is for one goroutine.
func (s *Source[T]) Watch(ctx context.Context, changed func(T)) {
	for !pause.Until(ctx.Done(), Recheck) {
		s.Get()
		if now := s.current.Load(); now != s.told {
			s.told = now
			changed(*now)
		}
	}
}

// refresh looks at the files, unless it is too early. It needs s.mu. Content
// is compared, not times: nothing that changes it goes unnoticed.
func (s *Source[T]) refresh() {
	if time.Since(s.checked) < Recheck {
		return
	}
	s.checked = time.Now()
	texts, err := readAll(s.files)
	if err == nil && slices.Equal(texts, s.used) {
		s.good()
		return
	}
	var made T
	if err == nil {
		made, err = s.build(texts)
	}
	if err != nil {
		s.complain(err)
		return
	}
	s.current.Store(&made)
	s.used = texts
	s.good()
	s.logger.Info("certificates read anew: new connections use them", "cert", s.files[0].Path, "valid_until", s.end(made))
}

// good notes that the files can be used. It needs s.mu.
func (s *Source[T]) good() {
	s.problem = ""
	s.warned.Store(nil)
}

// complain logs a problem once, and only when it is there at a second look too.
func (s *Source[T]) complain(err error) {
	problem := err.Error()
	stood := s.problem == problem
	s.problem = problem
	if stood && s.Refused() != problem {
		s.warned.Store(&problem)
		s.logger.Warn("certificates have changed and cannot be used: the old ones stay in use", "error", err)
	}
}
