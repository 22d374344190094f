package vfs

import (
	"io"
	"path"
)

// Sub is the part of fsys below dir, which must exist. Close leaves fsys open.
func Sub(fsys FS, dir string) FS { return &sub{base: fsys, dir: dir} }

type sub struct {
	base FS
	dir  string
}

func (s *sub) in(name string) string { return path.Join(s.dir, name) }

func (s *sub) Create(name string) (File, error)  { return s.base.Create(s.in(name)) }
func (s *sub) Open(name string) (File, error)    { return s.base.Open(s.in(name)) }
func (s *sub) Rename(from, to string) error      { return s.base.Rename(s.in(from), s.in(to)) }
func (s *sub) Remove(name string) error          { return s.base.Remove(s.in(name)) }
func (s *sub) Mkdir(name string) error           { return s.base.Mkdir(s.in(name)) }
func (s *sub) List(dir string) ([]string, error) { return s.base.List(s.in(dir)) }
func (s *sub) Stat(name string) (Info, error)    { return s.base.Stat(s.in(name)) }
func (s *sub) SyncDir(dir string) error          { return s.base.SyncDir(s.in(dir)) }
func (s *sub) Free() (int64, error)              { return s.base.Free() }
func (s *sub) Close() error                      { return nil }

func (s *sub) Lock(name, holder string) (io.Closer, error) {
	return s.base.Lock(s.in(name), holder)
}
