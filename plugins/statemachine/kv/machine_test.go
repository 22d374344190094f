package kv

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// driver applies commands to one machine and reads it.
type driver struct {
	t     testing.TB
	sm    statemachine.StateMachine
	index uint64
}

func newDriver(t testing.TB, config string) *driver {
	t.Helper()
	d := &driver{t: t, sm: New(backend.Env{})}
	if _, err := d.sm.Open(t.Context(), plugins.Options{Config: []byte(config), Limits: plugins.DefaultLimits()}); err != nil {
		t.Fatal(err)
	}
	return d
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// raw applies one entry.
func (d *driver) raw(data []byte) statemachine.Result {
	d.t.Helper()
	d.index++
	results, err := d.sm.Apply(d.t.Context(), statemachine.Batch{
		Entries: []statemachine.Entry{{Index: d.index, Data: data}}, Through: d.index,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return results[0]
}

// do applies a command that is to be accepted.
func (d *driver) do(c *kvv1.Command) *kvv1.CommandResult {
	d.t.Helper()
	r := d.raw(marshal(d.t, c))
	if r.Error != "" || r.Skipped {
		d.t.Fatalf("%v: %+v", c, r)
	}
	var result kvv1.CommandResult
	if err := proto.Unmarshal(r.Data, &result); err != nil {
		d.t.Fatal(err)
	}
	return &result
}

func (d *driver) query(q *kvv1.Query) *kvv1.QueryResult {
	d.t.Helper()
	raw, err := d.sm.Query(d.t.Context(), marshal(d.t, q))
	if err != nil {
		d.t.Fatal(err)
	}
	var answer kvv1.QueryResult
	if err := proto.Unmarshal(raw, &answer); err != nil {
		d.t.Fatal(err)
	}
	return &answer
}

func (d *driver) scan(r *kvv1.Range) *kvv1.QueryResult {
	d.t.Helper()
	return d.query(&kvv1.Query{Op: &kvv1.Query_Range{Range: r}})
}

func put(key, value string) *kvv1.Command {
	return &kvv1.Command{Op: &kvv1.Command_Put{Put: &kvv1.Put{Key: []byte(key), Value: []byte(value)}}}
}

func remove(key, end string) *kvv1.Command {
	return &kvv1.Command{Op: &kvv1.Command_Delete{Delete: &kvv1.Delete{Key: []byte(key), End: []byte(end)}}}
}

func cas(key string, modRevision uint64, value string) *kvv1.Command {
	return &kvv1.Command{Op: &kvv1.Command_CompareAndSet{
		CompareAndSet: &kvv1.CompareAndSet{Key: []byte(key), ModRevision: modRevision, Value: []byte(value)},
	}}
}

func entry(key, value string, create, modify, version uint64) *kvv1.KeyValue {
	return &kvv1.KeyValue{Key: []byte(key), Value: []byte(value), CreateRevision: create, ModRevision: modify, Version: version}
}

func TestCommands(t *testing.T) {
	d := newDriver(t, "")
	for i, step := range []struct {
		does    string
		command *kvv1.Command
		want    *kvv1.CommandResult
	}{
		{"a put takes a revision", put("a", "1"), &kvv1.CommandResult{Revision: 1}},
		{"so does each", put("b", "1"), &kvv1.CommandResult{Revision: 2}},
		{"also with the same value", put("a", "1"), &kvv1.CommandResult{Revision: 3}},
		{"an empty value is a value", put("c", ""), &kvv1.CommandResult{Revision: 4}},
		{"deleting nothing takes none", remove("x", ""), &kvv1.CommandResult{Revision: 4}},
		{"deleting takes one", remove("b", ""), &kvv1.CommandResult{Revision: 5, Deleted: 1}},
		{"it is gone", remove("b", ""), &kvv1.CommandResult{Revision: 5}},
		{"a range without keys", remove("x", "z"), &kvv1.CommandResult{Revision: 5}},
		{"a range that ends before it starts", remove("c", "a"), &kvv1.CommandResult{Revision: 5}},
		{"a range that ends at its start", remove("a", "a"), &kvv1.CommandResult{Revision: 5}},
		{"a range takes one revision, its end stays", remove("a", "c"), &kvv1.CommandResult{Revision: 6, Deleted: 1}},
		{"0 is no key: set", cas("n", 0, "1"), &kvv1.CommandResult{Revision: 7, Succeeded: true}},
		{"0 but there is one", cas("n", 0, "2"), &kvv1.CommandResult{Revision: 7, Current: entry("n", "1", 7, 7, 1)}},
		{"the right revision", cas("n", 7, "2"), &kvv1.CommandResult{Revision: 8, Succeeded: true}},
		{"an old revision", cas("n", 7, "3"), &kvv1.CommandResult{Revision: 8, Current: entry("n", "2", 7, 8, 2)}},
		{"a revision and no key", cas("m", 7, "3"), &kvv1.CommandResult{Revision: 8}},
		{"a large value", put("big", strings.Repeat("x", 100)), &kvv1.CommandResult{Revision: 9}},
		{"is not in the answer to a small command", cas("big", 1, ""), &kvv1.CommandResult{Revision: 9, Current: entry("big", "", 9, 9, 1)}},
		{"nothing is left but n", remove("\x00", "n"), &kvv1.CommandResult{Revision: 10, Deleted: 2}},
	} {
		if got := d.do(step.command); !proto.Equal(got, step.want) {
			t.Errorf("step %d, %s: %v, want %v", i, step.does, got, step.want)
		}
	}
	want := &kvv1.QueryResult{Revision: 10, Kvs: []*kvv1.KeyValue{entry("n", "2", 7, 8, 2)}}
	if got := d.scan(&kvv1.Range{}); !proto.Equal(got, want) {
		t.Errorf("at the end: %v, want %v", got, want)
	}
}

func TestQueries(t *testing.T) {
	d := newDriver(t, "")
	for _, key := range []string{"b", "d", "a", "c"} {
		d.do(put(key, "v"+key))
	}
	a, b, c, e := entry("a", "va", 3, 3, 1), entry("b", "vb", 1, 1, 1), entry("c", "vc", 4, 4, 1), entry("d", "vd", 2, 2, 1)
	answer := func(more bool, kvs ...*kvv1.KeyValue) *kvv1.QueryResult {
		return &kvv1.QueryResult{Kvs: kvs, More: more, Revision: 4}
	}
	get := func(key string) *kvv1.Query {
		return &kvv1.Query{Op: &kvv1.Query_Get{Get: &kvv1.Get{Key: []byte(key)}}}
	}
	scan := func(key, end string, limit uint32, keysOnly bool) *kvv1.Query {
		return &kvv1.Query{Op: &kvv1.Query_Range{Range: &kvv1.Range{Key: []byte(key), End: []byte(end), Limit: limit, KeysOnly: keysOnly}}}
	}
	for _, test := range []struct {
		name  string
		query *kvv1.Query
		want  *kvv1.QueryResult
	}{
		{"get", get("c"), answer(false, c)},
		{"get of nothing", get("x"), answer(false)},
		{"range over all", scan("", "", 0, false), answer(false, a, b, c, e)},
		{"range from", scan("b", "", 0, false), answer(false, b, c, e)},
		{"range from between", scan("bb", "", 0, false), answer(false, c, e)},
		{"range to", scan("", "c", 0, false), answer(false, a, b)},
		{"range of nothing", scan("x", "z", 0, false), answer(false)},
		{"range backwards", scan("c", "b", 0, false), answer(false)},
		{"range with a limit", scan("", "", 2, false), answer(true, a, b)},
		{"range with the exact limit", scan("", "", 4, false), answer(false, a, b, c, e)},
		{"range within whose limit nothing is left out", scan("", "c", 2, false), answer(false, a, b)},
		{"keys only", scan("c", "", 1, true), answer(true, entry("c", "", 4, 4, 1))},
	} {
		if got := d.query(test.query); !proto.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestRangeAnswersAreBounded(t *testing.T) {
	const bound = 8 << 10
	d := newDriver(t, fmt.Sprintf("max_answer_bytes: %d", bound))
	for i := range 200 {
		d.do(put(fmt.Sprintf("k%03d", i), strings.Repeat("v", 500)))
	}
	d.do(put("l", strings.Repeat("v", 3*bound)))
	d.do(put("m", "v"))
	var keys []string
	pages := 0
	for from, more := []byte(nil), true; more; pages++ {
		raw, err := d.sm.Query(t.Context(), marshal(t, &kvv1.Query{Op: &kvv1.Query_Range{Range: &kvv1.Range{Key: from}}}))
		if err != nil {
			t.Fatal(err)
		}
		var page kvv1.QueryResult
		if err := proto.Unmarshal(raw, &page); err != nil {
			t.Fatal(err)
		}
		if len(raw) > bound && len(page.Kvs) > 1 {
			t.Errorf("an answer of %d bytes has %d keys, the bound is %d", len(raw), len(page.Kvs), bound)
		}
		for _, kv := range page.Kvs {
			keys = append(keys, string(kv.Key))
			from = append(kv.Key, 0)
		}
		more = page.More
	}
	if len(keys) != 202 || keys[200] != "l" || keys[201] != "m" {
		t.Errorf("%d keys in all, want 202 with l and m at the end", len(keys))
	}
	if pages < 15 || pages > 20 {
		t.Errorf("%d pages", pages)
	}
}

func TestABadBatchIsRefusedWhole(t *testing.T) {
	data := marshal(t, put("k", "v"))
	for name, b := range map[string]statemachine.Batch{
		"not ascending":  {Entries: []statemachine.Entry{{Index: 1, Data: data}, {Index: 1, Data: data}}, Through: 2},
		"through before": {Entries: []statemachine.Entry{{Index: 1, Data: data}, {Index: 3, Data: data}}, Through: 2},
		"index 0":        {Entries: []statemachine.Entry{{Index: 0, Data: data}}, Through: 2},
	} {
		d := newDriver(t, "")
		if _, err := d.sm.Apply(t.Context(), b); !errors.Is(err, plugins.ErrInvalidArgument) {
			t.Errorf("%s: %v, want %v", name, err, plugins.ErrInvalidArgument)
		}
		if got := d.scan(&kvv1.Range{}); got.Revision != 0 {
			t.Errorf("%s: it was applied in part: %v", name, got)
		}
	}
}

func TestConfig(t *testing.T) {
	limits := plugins.DefaultLimits()
	for _, test := range []struct {
		config string
		want   uint64 // 0: refused
		says   string
	}{
		{"", limits.MaxBatchBytes, ""},
		{"# nothing\n", limits.MaxBatchBytes, ""},
		{"{}", limits.MaxBatchBytes, ""},
		{"max_answer_bytes: 4096", 4096, ""},
		{"max_answer_bytes: 4095", 0, "max_answer_bytes is 4095"},
		{"max_answer_bytes: 1048577", 0, "max_answer_bytes is 1048577"},
		{"max_answer_bytes: -1", 0, "line 1"},
		{"max_answer_bytes: lots", 0, "line 1"},
		{"\nmax_anwser_bytes: 4096", 0, "line 2: field max_anwser_bytes"},
		{"{}\n---\n{}", 0, "more than one document"},
		{"[", 0, "yaml"},
	} {
		got, err := readConfig([]byte(test.config), limits)
		if test.want != 0 && (err != nil || got.MaxAnswerBytes != test.want) {
			t.Errorf("config %q: %+v, %v, want %d", test.config, got, err, test.want)
		}
		if test.want == 0 && (!errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("config %q: %v, want %v with %q", test.config, err, plugins.ErrInvalidConfig, test.says)
		}
	}
}

func TestWhatTheStoreKeeps(t *testing.T) {
	key, value := []byte("key"), bytes.Repeat([]byte("v"), 200)
	exact := marshal(t, put(string(key), string(value)))
	within := append(make([]byte, 0, 1<<20), exact...)
	padded := append(bytes.Clone(exact), make([]byte, 1000)...)
	turned := valueFirst(key, value)
	empty := marshal(t, put(string(key), ""))
	for name, test := range map[string]struct {
		data, value []byte
		aliases     bool
	}{
		"the entry itself":            {exact[:len(exact):len(exact)], value, true},
		"not a batch around it":       {within, value, false},
		"not what else the entry is":  {padded[:len(exact)], value, false},
		"a copy in the store's order": {turned[:len(turned):len(turned)], value, false},
		"a key without a value":       {empty[:len(empty):len(empty)], nil, false},
	} {
		c, ok := decodeCommand(test.data)
		if !ok {
			t.Fatalf("%s: cannot be decoded", name)
		}
		k, valueAt := own(test.data, c.key, c.value)
		rec := &record{key: k, valueAt: uint32(valueAt)}
		if !bytes.Equal(rec.key, key) || !bytes.Equal(rec.value(), test.value) {
			t.Errorf("%s: %q and %q", name, rec.key, rec.value())
		}
		if aliases := &k[0] == &c.key[0]; aliases != test.aliases {
			t.Errorf("%s: kept in place: %t, want %t", name, aliases, test.aliases)
		}
	}
}

// valueFirst is a Put as no library writes it and every library reads it.
func valueFirst(key, value []byte) []byte {
	var fields []byte
	fields = protowire.AppendBytes(protowire.AppendTag(fields, 2, protowire.BytesType), value)
	fields = protowire.AppendBytes(protowire.AppendTag(fields, 1, protowire.BytesType), key)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), fields)
}

func TestMetrics(t *testing.T) {
	d := newDriver(t, "")
	d.do(put("a", "1"))
	d.do(put("a", "2"))
	var out strings.Builder
	if err := d.sm.(*machine).WriteMetrics(&out); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\npontoon_statemachine_kv_keys 1\n", "\npontoon_statemachine_kv_revision 2\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("metrics are without %q:\n%s", line, out.String())
		}
	}
}
