package judge_test

import (
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
	"github.com/pontoon-raft/pontoon/test/linearizability/judge"
)

// A cast is a history in the making, as a cluster would have answered.
type cast struct {
	operations []history.Operation
	revision   uint64
}

// put is a write of a value to the key k that was acknowledged in [began, ended].
func (c *cast) put(began, ended int64, value string) *history.Operation {
	c.revision++
	return c.add(history.Operation{
		Kind: history.Put, Value: value, Began: began, Ended: ended, Outcome: history.Applied,
		Index: 100 + c.revision, Revision: c.revision,
	})
}

// swap is a compare-and-set that took place.
func (c *cast) swap(began, ended int64, expected history.Version, value string) *history.Operation {
	o := c.put(began, ended, value)
	o.Kind, o.Expected = history.CompareAndSet, expected
	return o
}

// read is a linearizable read that found what a write has written.
func (c *cast) read(began, ended int64, value string, revision uint64) *history.Operation {
	return c.add(history.Operation{
		Kind: history.Read, Began: began, Ended: ended, Outcome: history.Applied,
		Index: 100 + revision, Found: history.Version{Value: value, Revision: revision},
	})
}

func (c *cast) add(o history.Operation) *history.Operation {
	o.Client, o.Member, o.Key = len(c.operations), "n1", "k"
	c.operations = append(c.operations, o)
	return &c.operations[len(c.operations)-1]
}

// Histories that a correct cluster can have are found to be right.
func TestWhatIsAllowed(t *testing.T) {
	for what, make := range map[string]func(*cast){
		"a read of no value before the first write, and of the last one after it": func(c *cast) {
			c.read(0, 5, "", 0)
			c.put(10, 20, "a")
			c.put(30, 40, "b")
			c.read(50, 60, "b", 2)
		},
		"reads on both sides of a write that is under way": func(c *cast) {
			c.put(10, 20, "a")
			c.put(30, 90, "b")
			c.read(40, 50, "a", 1)
			c.read(60, 70, "b", 2)
		},
		"a write of unknown outcome that is seen long after": func(c *cast) {
			c.put(10, 20, "a")
			unknown(c.put(30, 40, "b"))
			c.read(50, 60, "a", 1)
			c.read(70, 80, "b", 2)
		},
		"one that is never seen": func(c *cast) {
			c.put(10, 20, "a")
			unknown(c.put(30, 40, "b"))
			c.read(50, 60, "a", 1)
		},
		"a compare-and-set that took place, and one that found another value": func(c *cast) {
			c.put(10, 20, "a")
			c.swap(30, 40, history.Version{Value: "a", Revision: 1}, "b")
			refused(c.swap(50, 60, history.Version{Value: "a", Revision: 1}, "c"), "b", 2)
			c.read(70, 80, "b", 2).Index = 103
		},
		"what was not applied and is never seen": func(c *cast) {
			c.put(10, 20, "a")
			notApplied(c.put(30, 40, "b"))
			c.read(50, 60, "a", 1)
		},
		"a stale read of the first of two values, at an applied index before the second": func(c *cast) {
			c.put(10, 20, "a")
			c.put(30, 40, "b")
			c.read(50, 60, "a", 1).Stale = true
		},
		"a write whose result was lost": func(c *cast) {
			lost(c.put(10, 20, "a"))
			c.read(30, 40, "a", 1)
		},
	} {
		t.Run(what, func(t *testing.T) {
			if v := judged(make); v.Count() != 0 {
				t.Error(v)
			}
		})
	}
}

// Histories that no correct cluster can have are found out, each by its rule.
func TestWhatIsFoundOut(t *testing.T) {
	for what, tc := range map[string]struct {
		rule judge.Rule
		make func(*cast)
	}{
		"a linearizable read of a value that was replaced before the read": {judge.Linearizable, func(c *cast) {
			c.put(10, 20, "a")
			c.put(30, 40, "b")
			c.read(50, 60, "a", 1)
		}},
		"a read that goes back behind another": {judge.Linearizable, func(c *cast) {
			c.put(10, 20, "a")
			c.put(30, 90, "b")
			c.read(40, 50, "b", 2)
			c.read(60, 70, "a", 1)
		}},
		"an acknowledged write that is lost": {judge.Linearizable, func(c *cast) {
			c.put(10, 20, "a")
			c.read(30, 40, "", 0)
		}},
		"an acknowledged write, its result lost, that is lost": {judge.Linearizable, func(c *cast) {
			c.put(10, 20, "a")
			lost(c.put(30, 40, "b"))
			c.read(50, 60, "a", 1)
		}},
		"a lost write under another": {judge.Linearizable, func(c *cast) {
			c.put(10, 20, "a")
			c.put(30, 40, "b")
			c.swap(50, 60, history.Version{Value: "a", Revision: 1}, "c")
		}},
		"a compare-and-set that was refused though the value was as expected": {judge.Linearizable, func(c *cast) {
			c.put(10, 20, "a")
			refused(c.swap(30, 40, history.Version{Value: "a", Revision: 1}, "b"), "a", 1)
		}},
		"a write that was not applied and is seen": {judge.WithoutEffect, func(c *cast) {
			notApplied(c.put(10, 20, "a"))
			c.read(30, 40, "a", 1)
		}},
		"one that is seen by a stale read alone": {judge.WithoutEffect, func(c *cast) {
			notApplied(c.put(10, 20, "a"))
			c.read(30, 40, "a", 1).Stale = true
		}},
		"one that is seen by a refused compare-and-set alone": {judge.WithoutEffect, func(c *cast) {
			notApplied(c.put(10, 20, "a"))
			refused(c.swap(30, 40, history.Version{}, "b"), "a", 1)
		}},
		"a refused compare-and-set that is seen": {judge.WithoutEffect, func(c *cast) {
			c.put(10, 20, "a")
			refused(c.swap(30, 40, history.Version{}, "b"), "a", 1)
			c.read(50, 60, "b", 2)
		}},
		"a value that was never written": {judge.Known, func(c *cast) {
			c.read(10, 20, "a", 1).Stale = true
		}},
		"a value that is seen before it is written": {judge.Known, func(c *cast) {
			c.read(10, 20, "a", 1).Stale = true
			c.put(30, 40, "a")
		}},
		"two members with different values of one revision": {judge.Unique, func(c *cast) {
			unknown(c.put(10, 20, "a"))
			unknown(c.put(10, 20, "b"))
			c.read(30, 40, "a", 1).Stale = true
			c.read(30, 40, "b", 1).Stale = true
		}},
		"a write that was applied twice": {judge.Unique, func(c *cast) {
			c.put(10, 20, "a")
			c.read(30, 40, "a", 2).Stale = true
		}},
		"revisions against the order of the log": {judge.Ordered, func(c *cast) {
			c.put(10, 50, "a").Index = 103
			c.put(10, 50, "b").Index = 102
		}},
		"a linearizable read that lacks what a stale read before it has found": {judge.Linearizable, func(c *cast) {
			c.put(10, 20, "a")
			unknown(c.put(30, 40, "b"))
			c.read(50, 60, "b", 2).Stale = true
			c.read(70, 80, "a", 1)
		}},
		"a compare-and-set that is found by a stale read alone, and cannot have taken place": {judge.Linearizable, func(c *cast) {
			c.put(10, 20, "a")
			c.put(30, 40, "b")
			unknown(c.swap(50, 60, history.Version{Value: "a", Revision: 1}, "c"))
			c.read(70, 80, "c", 3).Stale = true
		}},
		"a linearizable read that is too early for a write to another key": {judge.Fresh, func(c *cast) {
			c.put(10, 20, "a")
			o := c.read(30, 40, "", 0)
			o.Key, o.Index = "x", 100
		}},
		"a place in the log before that of a write which had ended": {judge.Ordered, func(c *cast) {
			o := c.put(10, 20, "a")
			o.Index, o.Revision = 102, 2
			o = c.put(30, 40, "b")
			o.Key, o.Index, o.Revision = "x", 101, 1
		}},
		"a stale read that lacks what its applied index has": {judge.Fresh, func(c *cast) {
			c.put(10, 20, "a")
			c.put(30, 40, "b")
			o := c.read(50, 60, "a", 1)
			o.Stale, o.Index = true, 102
		}},
	} {
		t.Run(what, func(t *testing.T) {
			for _, violation := range judged(tc.make).Violations {
				if violation.Rule == tc.rule {
					return
				}
			}
			t.Errorf("not found to be %q", tc.rule)
		})
	}
}

// A fault among many operations on many keys is found, and the rest is right.
func TestOneFaultAmongMany(t *testing.T) {
	c := &cast{}
	revisions := map[string]uint64{}
	var at int64
	for i := range 200 {
		for _, key := range []string{"x", "y", "z"} {
			at += 10
			value := fmt.Sprint(key, i)
			c.put(at, at+25, value).Key = key // the next two overlap it
			c.read(at+26, at+28, value, c.revision).Key = key
			revisions[value] = c.revision
		}
	}
	if v := judge.Check(c.operations); v.Count() != 0 || v.Keys != 3 || v.Checked != 1200 {
		t.Fatal(v)
	}
	c.read(at+40, at+50, "y198", revisions["y198"]).Key = "y"
	v := judge.Check(c.operations)
	if v.Count() != 2 || v.Violations[0].Rule != judge.Fresh || v.Violations[1].Rule != judge.Linearizable ||
		v.Violations[0].Key != "y" || v.Violations[1].Key != "y" {
		t.Errorf("one stale read on y: %s", v)
	}
}

func judged(make func(*cast)) *judge.Verdict {
	c := &cast{}
	make(c)
	return judge.Check(c.operations)
}

func unknown(o *history.Operation) {
	o.Outcome, o.Index, o.Revision = history.Unknown, 0, 0
}

func notApplied(o *history.Operation) {
	o.Outcome, o.Index, o.Revision, o.Reason = history.NotApplied, 0, 0, "no_leader"
}

func lost(o *history.Operation) { o.Lost, o.Revision = true, 0 }

func refused(o *history.Operation, found string, revision uint64) {
	o.Refused, o.Revision, o.Found = true, 0, history.Version{Value: found, Revision: revision}
}
