package kv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

func putFor(key, value string, ttl uint64) *kvv1.Command {
	return &kvv1.Command{Op: &kvv1.Command_Put{Put: &kvv1.Put{Key: []byte(key), Value: []byte(value), TtlMs: ttl}}}
}

func casFor(key string, revision uint64, value string, ttl uint64) *kvv1.Command {
	return &kvv1.Command{Op: &kvv1.Command_CompareAndSet{
		CompareAndSet: &kvv1.CompareAndSet{Key: []byte(key), ModRevision: revision, Value: []byte(value), TtlMs: ttl},
	}}
}

// entryAt applies a command whose entry has a time.
func (d *driver) entryAt(time uint64, c *kvv1.Command) statemachine.Result {
	d.t.Helper()
	d.index++
	results, err := d.sm.Apply(d.t.Context(), statemachine.Batch{
		Entries: []statemachine.Entry{{Index: d.index, Time: time, Data: marshal(d.t, c)}}, Through: d.index,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return results[0]
}

// at is entryAt of a command that is to be accepted.
func (d *driver) at(time uint64, c *kvv1.Command) *kvv1.CommandResult {
	d.t.Helper()
	r := d.entryAt(time, c)
	result := &kvv1.CommandResult{}
	if err := proto.Unmarshal(r.Data, result); err != nil || r.Error != "" {
		d.t.Fatalf("at %d: %q, %v", time, r.Error, err)
	}
	return result
}

func (d *driver) keys() string {
	d.t.Helper()
	var keys []string
	for _, kv := range d.scan(&kvv1.Range{}).Kvs {
		keys = append(keys, string(kv.Key))
	}
	return fmt.Sprint(keys)
}

// A key is there for the entries before its deadline, and gone for the one that reaches it:
// for a get, a range and a compare-and-set, whatever that entry does. All that expires by
// one entry takes one revision.
func TestAKeyIsGoneForTheEntryThatReachesItsDeadline(t *testing.T) {
	d := newDriver(t, "")
	d.at(1000, putFor("a", "1", 500))
	d.at(1000, putFor("b", "2", 500))
	d.at(1000, put("c", "3"))
	if r := d.at(1499, casFor("a", 0, "x", 0)); r.Succeeded || r.Current.GetExpires() != 1500 || string(r.Current.GetValue()) != "1" {
		t.Errorf("before the deadline: %v", r)
	}
	if r := d.at(1500, casFor("a", 0, "new", 100)); !r.Succeeded || r.Revision != 5 {
		t.Errorf("at the deadline: %v, want success at revision 5: 4 is that of the expiry", r)
	}
	if got := d.keys(); got != "[a c]" {
		t.Errorf("keys %s, want those that have not expired", got)
	}
	if r := d.at(1599, put("d", "4")); r.Revision != 6 {
		t.Errorf("nothing expires at 1599: %v", r)
	}
	refused := d.entryAt(1600, put("", ""))
	if got := d.keys(); refused.Error == "" || got != "[c d]" {
		t.Errorf("after a command that is refused (%q): keys %s", refused.Error, got)
	}
}

// A write without a time to live takes an earlier one away, a write with one sets it anew, and
// a delete leaves none.
func TestAWriteSetsTheDeadlineAnew(t *testing.T) {
	d := newDriver(t, "")
	for _, key := range []string{"kept", "longer", "shorter", "deleted", "swept", "again"} {
		d.at(1000, putFor(key, "1", 500))
	}
	d.at(1100, put("kept", "2"))
	d.at(1100, putFor("longer", "2", 1000))
	d.at(1100, putFor("shorter", "2", 100))
	d.at(1100, remove("deleted", ""))
	d.at(1100, remove("sw", "sx"))
	d.at(1100, remove("again", ""))
	d.at(1100, put("again", "2"))
	d.at(1200, put("x", ""))
	if got := d.keys(); got != "[again kept longer x]" {
		t.Errorf("at 1200: %s", got)
	}
	d.at(5000, put("x", ""))
	if got := d.keys(); got != "[again kept x]" {
		t.Errorf("at 5000: %s", got)
	}
	if s := &d.sm.(*machine).store; s.deadlines.Len() != 0 || s.mortals != 0 {
		t.Errorf("%d deadlines are left, %d are counted", s.deadlines.Len(), s.mortals)
	}
}

// Without a time no deadline is counted, and a time to live beyond all sense is refused.
func TestATimeToLiveNeedsATime(t *testing.T) {
	d := newDriver(t, "")
	for _, c := range []*kvv1.Command{putFor("a", "1", 1), casFor("a", 0, "1", 1)} {
		if r := d.entryAt(0, c); r.Error != "no key can expire: the cluster has no time yet" {
			t.Errorf("%+v", r)
		}
	}
	if r := d.entryAt(1, putFor("a", "1", MaxTTL+1)); r.Error == "" {
		t.Error("a time to live over the limit is taken")
	}
	d.at(1, putFor("a", "1", MaxTTL))
	if got := d.keys(); got != "[a]" {
		t.Errorf("keys %s", got)
	}
}

// expiringLog is a log of writes to 10,000 keys with times to live, with the times that the
// host gives entries while leaders come and go whose clocks are an hour ahead or behind.
func expiringLog(t *testing.T, rnd *rand.Rand, length int) (log []statemachine.Entry) {
	t.Helper()
	time, clock := uint64(0), uint64(1_800_000_000_000)
	for i := range length {
		clock += rnd.Uint64N(20)
		stamp := clock
		switch i / 5000 % 3 {
		case 1:
			stamp += 3_600_000
		case 2:
			stamp -= 3_600_000
		}
		time = max(time, stamp)
		key := fmt.Sprint("key/", rnd.IntN(10_000))
		c := putFor(key, "v", rnd.Uint64N(600_000))
		switch rnd.IntN(8) {
		case 0:
			c = remove(key, "")
		case 1:
			c = casFor(key, 0, "w", 1+rnd.Uint64N(100_000))
		}
		log = append(log, statemachine.Entry{Index: uint64(i + 1), Term: 1, Time: time, Data: marshal(t, c)})
	}
	return log
}

// Replicas that are given such a log whole, in parts, and from a snapshot on have the same
// state at every index at which they are compared: the same keys have expired.
func TestReplicasExpireAlike(t *testing.T) {
	const length, step = 30_000, 2500
	rnd := rand.New(rand.NewPCG(7, 7))
	log := expiringLog(t, rnd, length)
	give := func(d *driver, entries []statemachine.Entry) {
		t.Helper()
		if _, err := d.sm.Apply(t.Context(), statemachine.Batch{Entries: entries, Through: entries[len(entries)-1].Index}); err != nil {
			t.Fatal(err)
		}
	}
	whole, parts, restored := newDriver(t, ""), newDriver(t, ""), newDriver(t, "")
	store := &whole.sm.(*machine).store
	fewer := false
	for from := 0; from < length; from += step {
		run, before := log[from:from+step], store.keys.Len()
		give(whole, run)
		give(restored, run)
		for rest := run; len(rest) > 0; {
			n := min(len(rest), 1+rnd.IntN(100))
			give(parts, rest[:n])
			rest = rest[n:]
		}
		want := save(t, whole.sm)
		if !bytes.Equal(save(t, parts.sm), want) || !bytes.Equal(save(t, restored.sm), want) {
			t.Fatalf("replicas differ at index %d", from+step)
		}
		restored = newDriver(t, "")
		if err := restored.sm.Restore(t.Context(), uint64(from+step), bytes.NewReader(want)); err != nil {
			t.Fatal(err)
		}
		if store.mortals != store.deadlines.Len() {
			t.Fatalf("%d keys expire, and %d deadlines are kept", store.mortals, store.deadlines.Len())
		}
		fewer = fewer || store.keys.Len() < before
	}
	if !fewer {
		t.Error("nothing has expired")
	}
}
