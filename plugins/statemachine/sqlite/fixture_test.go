package sqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// database is an open machine with the index that it has come to.
type database struct {
	t     testing.TB
	m     *machine
	opts  plugins.Options
	index uint64
}

func openDatabase(t testing.TB) *database {
	t.Helper()
	return openAt(t, t.TempDir())
}

func openAt(t testing.TB, dir string) *database {
	t.Helper()
	d := &database{t: t, m: newMachine(), opts: plugins.Options{ClusterID: 1, NodeID: 1, DataDir: dir, Limits: plugins.DefaultLimits()}}
	var err error
	if d.index, err = d.m.Open(t.Context(), d.opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.m.Close(context.Background()) })
	return d
}

// apply applies commands as one batch.
func (d *database) apply(commands ...string) []statemachine.Result {
	d.t.Helper()
	var b statemachine.Batch
	for _, c := range commands {
		d.index++
		b.Entries = append(b.Entries, statemachine.Entry{Index: d.index, Term: 3, Time: 1_700_000_000_000 + d.index, Data: []byte(c)})
	}
	b.Through = d.index
	results, err := d.m.Apply(d.t.Context(), b)
	if err != nil {
		d.t.Fatal(err)
	}
	return results
}

// do applies commands that are accepted.
func (d *database) do(commands ...string) {
	d.t.Helper()
	for i, r := range d.apply(commands...) {
		if r.Error != "" {
			d.t.Fatalf("%.100s: %s", commands[i], r.Error)
		}
	}
}

// rows is the answer to a query, as JSON.
func (d *database) rows(query string) string {
	d.t.Helper()
	raw, err := d.m.Query(d.t.Context(), []byte(query))
	if err != nil {
		d.t.Fatalf("%s: %v", query, err)
	}
	var a struct{ Rows json.RawMessage }
	if err := json.Unmarshal(raw, &a); err != nil {
		d.t.Fatalf("%s: %v", raw, err)
	}
	return string(a.Rows)
}

func (d *database) hash() string {
	d.t.Helper()
	raw, err := d.m.Query(d.t.Context(), []byte(".hash"))
	if err != nil {
		d.t.Fatal(err)
	}
	_, sum, _ := strings.Cut(string(raw), "sha256")
	return sum
}

func (d *database) snapshot() []byte {
	d.t.Helper()
	s, err := d.m.PrepareSnapshot(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	defer s.Release()
	var b bytes.Buffer
	if err := s.Save(d.t.Context(), &b); err != nil {
		d.t.Fatal(err)
	}
	return b.Bytes()
}
