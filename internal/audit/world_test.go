package audit

import (
	"bytes"
	"crypto/sha256"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// A world is a log whose writer does a step when the test says so.
type world struct {
	log *Log
	w   *writer
}

// failing is a test, a fuzz target, a benchmark or a check of rapid.
type failing interface {
	Helper()
	Fatal(...any)
}

// open begins a life of a host on a file system.
func open(t failing, o Options) *world {
	t.Helper()
	if o.Level == "" {
		o.Level = Writes
	}
	o.Member, o.Name, o.Version = "1", "n1", "v1"
	l, err := New(tabled(o))
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{log: l}
	if o.KeyFile != "" {
		if w.key, err = ReadKey(o.KeyFile); err != nil {
			t.Fatal(err)
		}
	}
	w.begin()
	return &world{l, w}
}

// applied is a proposal that was applied at an index.
func applied(index uint64) Record {
	data := []byte{byte(index), byte(index >> 8)}
	return Record{
		Op: Propose, Client: &access.Identity{Address: "192.0.2.7", Name: "app", Method: "token"}, Call: 7, ID: index, InStream: true,
		HasData: true, Bytes: len(data), Digest: sha256.Sum256(data), Outcome: Applied, Index: index, Term: 3,
	}
}

// write records so many proposals and writes them.
func (x *world) write(from, n uint64) {
	for i := range n {
		x.log.End(applied(from + i))
	}
	x.w.step()
}

// retry has the writer try again, as it does a second after a failure.
func (x *world) retry() {
	x.w.retry = at(0)
	x.w.step()
}

// sources are the files of a file system, as Files finds them in a directory.
func sources(files map[string][]byte) []Source {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	var all []Source
	for _, n := range numbersOf(names) {
		b := files[FileName(n)]
		all = append(all, Source{FileName(n), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }})
	}
	return all
}

func verdict(t failing, files map[string][]byte, c Check) Verdict {
	t.Helper()
	v, err := Verify(sources(files), c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// lines are those of all files, parsed.
func lines(t *testing.T, files map[string][]byte) (all []Line) {
	t.Helper()
	var names []string
	for name := range files {
		names = append(names, name)
	}
	for _, n := range numbersOf(names) {
		for text := range bytes.Lines(files[FileName(n)]) {
			l, err := ParseLine(bytes.TrimSuffix(text, []byte("\n")))
			if err != nil {
				t.Fatalf("%s: %v: %q", FileName(n), err, text)
			}
			all = append(all, l)
		}
	}
	return all
}

// ops are those of lines, in order.
func ops(all []Line) (list []Op) {
	for _, l := range all {
		list = append(list, l.Op)
	}
	return list
}

func clone(files map[string][]byte) map[string][]byte {
	all := map[string][]byte{}
	for name, b := range files {
		if fileNumber(name) > 0 {
			all[name] = slices.Clone(b)
		}
	}
	return all
}

// at is a fixed moment.
func at(second int) time.Time { return time.Date(2026, 3, 4, 5, 6, second, 7, time.UTC) }

// tabled are options with the numbers of the host's table in the place of zeros.
func tabled(o Options) Options {
	defaults.Or(&o.MaxFileBytes, defaults.AuditFileBytes)
	defaults.Or(&o.MaxFiles, defaults.AuditFiles)
	return o
}
