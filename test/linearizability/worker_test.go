//go:build linux

package linearizability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// A worker is one client, which has one request under way at a time.
type worker struct {
	t        testing.TB
	id       int
	member   string
	session  session
	keys     *keys
	record   *history.Recorder
	random   *rand.Rand
	patience time.Duration // after which it gives a request up
	written  int
	// acknowledged are its writes that were. Others read it.
	acknowledged atomic.Int64
}

// run makes an operation with each tick.
func (w *worker) run(ticks <-chan time.Time, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-ticks:
			w.act()
		}
	}
}

// act makes one operation of some kind.
func (w *worker) act() {
	switch chance := w.random.IntN(100); {
	case chance < 35:
		w.put(w.keys.pick(w.random))
	case chance < 60:
		w.swap(w.keys.pick(w.random))
	case chance < 85:
		w.read(w.keys.pick(w.random), false)
	case chance < 95:
		w.read(w.keys.pick(w.random), true)
	default:
		w.read(w.keys.old(w.random), chance%2 == 0)
	}
}

// value is one that no other write writes.
func (w *worker) value() string {
	w.written++
	return fmt.Sprintf("%03d-%07d", w.id, w.written)
}

func (w *worker) put(key string) {
	o := history.Operation{Kind: history.Put, Key: key, Value: w.value()}
	w.write(o, kv.EncodePut([]byte(key), []byte(o.Value)))
}

func (w *worker) swap(key string) {
	o := history.Operation{Kind: history.CompareAndSet, Key: key, Value: w.value(), Expected: w.keys.expected(key)}
	w.write(o, kv.EncodeCompareAndSet([]byte(key), o.Expected.Revision, []byte(o.Value)))
}

func (w *worker) write(o history.Operation, command []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), w.patience)
	defer cancel()
	o.Began = w.record.Now()
	result, err := w.session.Propose(ctx, command)
	o.Ended = w.record.Now()
	w.judge(&o, err)
	if err == nil {
		o.Index, o.Lost = result.Index, result.Lost
		w.take(&o, result)
	}
	w.end(o)
}

// take reads the result of a write that was applied.
func (w *worker) take(o *history.Operation, result client.Result) {
	if result.Lost {
		return
	}
	decoded, err := kv.DecodeResult(result.Data)
	if err != nil || result.Error != "" {
		w.t.Errorf("the result of %s %s is %q, %v", o.Kind, o.Value, result.Error, err)
		return
	}
	if o.Kind == history.CompareAndSet && !decoded.Succeeded {
		o.Refused = true
		if decoded.Current != nil {
			o.Found = history.Version{Value: string(decoded.Current.Value), Revision: decoded.Current.ModRevision}
		}
		w.keys.saw(o.Key, o.Found)
		return
	}
	o.Revision = decoded.Revision
	w.keys.saw(o.Key, history.Version{Value: o.Value, Revision: o.Revision})
}

func (w *worker) read(key string, stale bool) bool {
	o := history.Operation{Kind: history.Read, Key: key, Stale: stale}
	level := client.Linearizable
	if stale {
		level = client.Stale
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.patience)
	defer cancel()
	o.Began = w.record.Now()
	answer, err := w.session.Query(ctx, kv.EncodeGet([]byte(key)), level)
	o.Ended = w.record.Now()
	w.judge(&o, err)
	if err == nil {
		o.Index = answer.Index
		page, err := kv.DecodePage(answer.Data)
		if err != nil {
			w.t.Errorf("the answer to a read of %s: %v", key, err)
			return false
		}
		for _, e := range page.Entries {
			o.Found = history.Version{Value: string(e.Value), Revision: e.ModRevision}
		}
		w.keys.saw(key, o.Found)
	}
	w.end(o)
	return err == nil
}

// judge notes what became of an operation.
func (w *worker) judge(o *history.Operation, err error) {
	switch {
	case err == nil:
		o.Outcome = history.Applied
		return
	case client.IsNotApplied(err):
		o.Outcome = history.NotApplied
	default:
		o.Outcome = history.Unknown
	}
	var failure *client.Error
	if errors.As(err, &failure) {
		o.Reason = failure.Reason
	}
}

func (w *worker) end(o history.Operation) {
	o.Client, o.Member = w.id, w.member
	w.record.Add(o)
	if o.Writes() && o.Outcome == history.Applied {
		w.acknowledged.Add(1)
	}
}
