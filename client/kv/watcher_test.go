package kv_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// feeder is a member that answers watches as a test says.
type feeder struct {
	hostv1.UnimplementedHostServer
	address string

	mu sync.Mutex
	// histories has the history of each answer, one after the other; the last one goes on.
	histories []string
	asked     []*kvv1.Watch
	// answer sends the bytes of a WatchResult, and returns why that was not all.
	answer func(w *kvv1.Watch, send func([]byte) error) error
}

func (f *feeder) QueryStream(req *hostv1.QueryRequest, stream grpc.ServerStreamingServer[hostv1.QueryStreamResponse]) error {
	var q kvv1.Query
	if err := proto.Unmarshal(req.GetData(), &q); err != nil || req.GetConsistency() != hostv1.Consistency_CONSISTENCY_LINEARIZABLE || !req.GetLasting() {
		return status.Error(codes.InvalidArgument, "not a linearizable watch")
	}
	f.mu.Lock()
	f.asked = append(f.asked, q.GetWatch())
	answer, history := f.answer, ""
	if n := len(f.histories); n > 0 {
		history = f.histories[min(len(f.asked), n)-1]
	}
	f.mu.Unlock()
	begun := &hostv1.QueryStreamResponse{Part: &hostv1.QueryStreamResponse_Header{Header: &hostv1.QueryStreamHeader{Index: 1, History: history}}}
	if err := stream.Send(begun); err != nil {
		return err
	}
	return answer(q.GetWatch(), func(chunk []byte) error {
		return stream.Send(&hostv1.QueryStreamResponse{Part: &hostv1.QueryStreamResponse_Chunk{Chunk: chunk}})
	})
}

// froms are the revisions from which watches were asked for.
func (f *feeder) froms() (list []uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.asked {
		list = append(list, w.GetFrom())
	}
	return list
}

func startFeeder(t *testing.T, answer func(*kvv1.Watch, func([]byte) error) error) *feeder {
	t.Helper()
	f := &feeder{answer: answer}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = l.Addr().String()
	srv := grpc.NewServer()
	hostv1.RegisterHostServer(srv, f)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Stop()
		<-served
	})
	return f
}

func dial(t *testing.T, all ...*feeder) *client.Client {
	t.Helper()
	var endpoints []string
	for _, f := range all {
		endpoints = append(endpoints, f.address)
	}
	c, err := client.New(client.Options{Endpoints: endpoints, RequestTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// refuse is an error with a reason of the host.
func refuse(reason string) error {
	st, err := status.New(codes.Unavailable, reason).WithDetails(&hostv1.Failure{Outcome: hostv1.Outcome_OUTCOME_NOT_APPLIED, Reason: reason})
	if err != nil {
		return err
	}
	return st.Err()
}

// written is the event of a revision: a put, or what a delete of three keys is.
func written(revision uint64) (events []*kvv1.Event) {
	if revision%10 != 0 {
		return []*kvv1.Event{{Kv: &kvv1.KeyValue{Key: []byte("key"), Value: fmt.Append(nil, revision), ModRevision: revision}}}
	}
	for _, key := range []string{"a", "b", "c"} {
		events = append(events, &kvv1.Event{Type: kvv1.EventType_EVENT_TYPE_DELETE, Kv: &kvv1.KeyValue{Key: []byte(key), ModRevision: revision}})
	}
	return events
}

// encoded is a WatchResult of one update.
func encoded(t *testing.T, u *kvv1.WatchUpdate) []byte {
	raw, err := proto.Marshal(&kvv1.WatchResult{Updates: []*kvv1.WatchUpdate{u}})
	if err != nil {
		t.Error(err)
	}
	return raw
}

// feed sends updates from a revision on, cut anywhere, and breaks off anywhere.
func feed(t *testing.T, last uint64, rng *rand.Rand) func(*kvv1.Watch, func([]byte) error) error {
	var mu sync.Mutex
	chance := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n)
	}
	return func(w *kvv1.Watch, send func([]byte) error) error {
		for at := w.From; ; {
			u := &kvv1.WatchUpdate{Revision: at - 1}
			for range chance(4) {
				if u.Revision < last {
					u.Revision++
					u.Events = append(u.Events, written(u.Revision)...)
				}
			}
			at = u.Revision + 1
			raw := encoded(t, u)
			if chance(8) == 0 { // in the middle of an update
				if err := send(raw[:chance(len(raw))]); err != nil {
					return err
				}
				return []error{refuse("not_ready"), refuse("query_failed"), status.Error(codes.Unavailable, "gone"), nil}[chance(4)]
			}
			cut := chance(len(raw))
			for _, part := range [][]byte{raw[:cut], raw[cut:]} {
				if err := send(part); err != nil {
					return err
				}
			}
		}
	}
}

// However often a watch breaks off, each event comes once and in order, those of one
// revision together.
func TestAWatchGoesOnWhereItBrokeOff(t *testing.T) {
	const last = 400
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	one, two := startFeeder(t, feed(t, last, rng)), startFeeder(t, nil)
	two.answer = one.answer
	breaks := 0
	w := kv.Watch(t.Context(), dial(t, one, two), kv.WatchOptions{From: 1, Interrupted: func(error) { breaks++ }})
	defer w.Close()
	var got, want []string
	text := func(key []byte, revision uint64) string { return fmt.Sprintf("%s %d", key, revision) }
	for revision := uint64(1); revision <= last; revision++ {
		for _, e := range written(revision) {
			want = append(want, text(e.Kv.Key, revision))
		}
	}
	for seen := uint64(0); seen < last; {
		u, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range u.Events {
			if e.ModRevision <= seen || e.ModRevision > u.Revision || e.Deleted != (e.ModRevision%10 == 0) {
				t.Fatalf("%+v in the update after %d up to %d", e, seen, u.Revision)
			}
			got = append(got, text(e.Key, e.ModRevision))
		}
		seen = u.Revision
	}
	if !slices.Equal(got, want) || breaks < 5 {
		t.Errorf("%d events after %d breaks, want %d", len(got), breaks, len(want))
	}
}

// The end of a watch is typed, comes after the updates before it, and stays.
func TestTheEndOfAWatchIsTyped(t *testing.T) {
	for reason, want := range map[kvv1.WatchRefused_Reason]error{
		kvv1.WatchRefused_REASON_COMPACTED: kv.ErrCompacted,
		kvv1.WatchRefused_REASON_FUTURE:    kv.ErrFuture,
		99:                                 nil,
	} {
		f := startFeeder(t, func(_ *kvv1.Watch, send func([]byte) error) error {
			first := encoded(t, &kvv1.WatchUpdate{Revision: 7, Events: written(7)})
			return send(append(first, encoded(t, &kvv1.WatchUpdate{Refused: &kvv1.WatchRefused{Reason: reason, Oldest: 20, Revision: 30}})...))
		})
		w := kv.Watch(t.Context(), dial(t, f), kv.WatchOptions{From: 7})
		if u, err := w.Next(); err != nil || u.Revision != 7 || len(u.Events) != 1 {
			t.Errorf("%v: %+v, %v", reason, u, err)
		}
		_, err := w.Next()
		var e *kv.WatchError
		if is := errors.As(err, &e); is != (want != nil) || is && (!errors.Is(err, want) || e.Next != 8 || e.Oldest != 20 || e.Revision != 30) {
			t.Errorf("%v: ended with %v", reason, err)
		}
		if _, again := w.Next(); again == nil || again != err || len(f.froms()) != 1 {
			t.Errorf("%v: after its end %v, asked for %d times", reason, again, len(f.froms()))
		}
	}
}

// A watch does not go on in another history, as that of a cluster which was restored from a backup:
// it ends with an error, and shows nothing of there. A member that does not name its history is
// not trusted, and asked again. Without a place there is nothing to miss.
func TestAWatchDoesNotGoOnInAnotherHistory(t *testing.T) {
	breakOff := func(w *kvv1.Watch, send func([]byte) error) error {
		if err := send(encoded(t, &kvv1.WatchUpdate{Revision: w.From + 6, Events: written(w.From + 6)})); err != nil {
			return err
		}
		return refuse("not_ready")
	}
	for _, x := range []struct {
		histories []string
		from      uint64
		history   string
		updates   int
		found     string
	}{
		{[]string{"a", "a", "b"}, 1, "", 2, "b"},
		{[]string{"a", "", "", "a", "b"}, 1, "", 2, "b"},
		{[]string{"b"}, 8, "a", 0, "b"},
		{[]string{"a", "b"}, 8, "a", 1, "b"},
		{[]string{"b", "c"}, 0, "a", 1, "c"},
	} {
		f := startFeeder(t, breakOff)
		f.histories = x.histories
		w := kv.Watch(t.Context(), dial(t, f), kv.WatchOptions{From: x.from, History: x.history})
		updates, err := 0, error(nil)
		for {
			if _, err = w.Next(); err != nil {
				break
			}
			updates++
		}
		var e *kv.WatchError
		if !errors.As(err, &e) || !errors.Is(err, kv.ErrOtherHistory) || updates != x.updates || e.Found != x.found || e.Wanted != w.History() {
			t.Errorf("%+v: ended after %d updates with %v", x, updates, err)
		}
	}
}

// A watch that was never begun, or that this client may not have, is an error and is not
// asked for again and again. So is an answer that makes no sense.
func TestWhatEndsAWatch(t *testing.T) {
	update := func(revision uint64, events ...*kvv1.Event) []byte {
		return encoded(t, &kvv1.WatchUpdate{Revision: revision, Events: events})
	}
	for name, x := range map[string]struct {
		chunk []byte
		err   error
		says  string
	}{
		"not allowed":                       {err: refuse("permission_denied"), says: "permission_denied"},
		"no token":                          {err: refuse("unauthenticated"), says: "unauthenticated"},
		"not a watch of kv":                 {err: refuse("invalid"), says: "invalid"},
		"garbage":                           {chunk: []byte("\x0a\x02\xff\xff"), says: "chunk of 4 bytes"},
		"an update of the past":             {chunk: update(3), says: "up to revision 3 after one up to 6"},
		"an event of the past":              {chunk: update(7, written(6)...), says: "revision 6 in an update from 7"},
		"an event that is not in its range": {chunk: update(7, written(8)...), says: "revision 8 in an update from 7"},
		"events that go back":               {chunk: update(9, slices.Concat(written(8), written(7))...), says: "revision 7"},
		"an event without a key":            {chunk: update(7, &kvv1.Event{}), says: "revision 0"},
	} {
		f := startFeeder(t, func(_ *kvv1.Watch, send func([]byte) error) error {
			if x.chunk == nil {
				return x.err
			}
			return send(x.chunk)
		})
		w := kv.Watch(t.Context(), dial(t, f), kv.WatchOptions{From: 7, Interrupted: func(err error) { t.Errorf("%s: interrupted by %v", name, err) }})
		if u, err := w.Next(); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %+v, %v, want %q", name, u, err, x.says)
		}
	}
}

// A watch ends with its context, with Close and with the client, also while it waits for
// the next try.
func TestAWatchEndsWithItsOwner(t *testing.T) {
	for name, end := range map[string]func(cancel func(), w *kv.Watcher, c *client.Client){
		"its context": func(cancel func(), _ *kv.Watcher, _ *client.Client) { cancel() },
		"Close":       func(_ func(), w *kv.Watcher, _ *client.Client) { w.Close() },
		"the client":  func(_ func(), _ *kv.Watcher, c *client.Client) { _ = c.Close() },
	} {
		f := startFeeder(t, func(_ *kvv1.Watch, send func([]byte) error) error {
			if err := send(encoded(t, &kvv1.WatchUpdate{Revision: 1})); err != nil {
				return err
			}
			return refuse("not_ready")
		})
		c := dial(t, f)
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		var w *kv.Watcher
		w = kv.Watch(ctx, c, kv.WatchOptions{Interrupted: func(error) {
			if tries++; tries == 4 {
				end(cancel, w, c)
			}
		}})
		var err error
		for err == nil {
			_, err = w.Next()
		}
		if reason := client.Reason(err); tries < 4 || reason != client.ReasonCanceled && reason != client.ReasonClosed {
			t.Errorf("%s: after %d tries %v", name, tries, err)
		}
		if froms := f.froms(); froms[0] != 0 || froms[1] != 2 {
			t.Errorf("%s: watched from %v", name, froms)
		}
		cancel()
	}
}

// FuzzUpdates: the answer to a watch that was cut anywhere is read as the whole one is, or
// refused; revisions go forwards.
func FuzzUpdates(f *testing.F) {
	raw, err := proto.Marshal(&kvv1.WatchResult{Updates: []*kvv1.WatchUpdate{{Revision: 3, Events: written(3)}, {Revision: 10, Events: written(10)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, 3)
	f.Add(raw, 30)
	f.Add([]byte("\n\x10\x12\f2\n000000000000"), 0) // an event of nothing
	f.Fuzz(func(t *testing.T, raw []byte, cut int) {
		cut = min(max(cut, 0), len(raw))
		var whole, parts kv.Updates
		all, errAll := whole.Add(raw)
		first, err := parts.Add(raw[:cut])
		if err == nil {
			var second []kv.Update
			second, err = parts.Add(raw[cut:])
			first = append(first, second...)
		}
		if (err == nil) != (errAll == nil) || err == nil && (len(first) != len(all) || whole.Next != parts.Next) {
			t.Fatalf("cut at %d: %d updates (%v), and as a whole %d (%v)", cut, len(first), err, len(all), errAll)
		}
		seen := uint64(0)
		for _, u := range all {
			for _, e := range u.Events {
				if e.ModRevision < seen || e.ModRevision > u.Revision {
					t.Fatalf("an event of revision %d after %d, up to %d", e.ModRevision, seen, u.Revision)
				}
				seen = e.ModRevision
			}
			seen = u.Revision
		}
	})
}

// A watch that breaks off each time before its first update is an error in the end.
func TestAWatchThatNeverBegins(t *testing.T) {
	f := startFeeder(t, func(*kvv1.Watch, func([]byte) error) error { return refuse("not_ready") })
	breaks := 0
	w := kv.Watch(t.Context(), dial(t, f), kv.WatchOptions{Interrupted: func(error) { breaks++ }})
	if u, err := w.Next(); client.Reason(err) != "not_ready" || breaks != 5 || len(f.froms()) != 6 {
		t.Errorf("%+v, %v after %d breaks", u, err, breaks)
	}
}

// A client whose token is replaced goes on: the watch ends with the token that it began
// with, and is asked for with the new one. A token that stays is refused once more, and that
// is the end.
func TestAWatchGoesOnWithANewToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	replace := func(token string) {
		if err := os.WriteFile(file+".new", []byte(token), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Error(err)
		}
	}
	replace("first")
	f := startFeeder(t, nil)
	f.answer = func(w *kvv1.Watch, send func([]byte) error) error {
		if n := len(f.froms()); n == 3 {
			return refuse("unauthenticated") // it was not replaced
		}
		if err := send(encoded(t, &kvv1.WatchUpdate{Revision: w.From, Events: written(w.From)})); err != nil {
			return err
		}
		if w.From == 7 {
			replace("second")
		}
		return refuse("unauthenticated")
	}
	c, err := client.New(client.Options{Endpoints: []string{f.address}, TokenFile: file})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := kv.Watch(t.Context(), c, kv.WatchOptions{From: 7})
	for _, want := range []uint64{7, 8} {
		if u, err := w.Next(); err != nil || u.Revision != want {
			t.Fatalf("%+v, %v, want revision %d", u, err, want)
		}
	}
	if u, err := w.Next(); client.Reason(err) != client.ReasonUnauthenticated || !slices.Equal(f.froms(), []uint64{7, 8, 9}) {
		t.Errorf("%+v, %v, watched from %v", u, err, f.froms())
	}
}

// A watch that has ended leaves nothing with its client, which may have thousands of them
// in its life.
func TestAWatchThatHasEndedLeavesNothing(t *testing.T) {
	f := startFeeder(t, func(w *kvv1.Watch, send func([]byte) error) error {
		return send(encoded(t, &kvv1.WatchUpdate{Revision: 1}))
	})
	c := dial(t, f)
	freed := make(chan struct{})
	func() {
		type key struct{}
		held := new([1 << 10]byte)
		runtime.AddCleanup(held, func(freed chan struct{}) { close(freed) }, freed)
		w := kv.Watch(context.WithValue(t.Context(), key{}, held), c, kv.WatchOptions{})
		if _, err := w.Next(); err != nil {
			t.Error(err)
		}
		w.Close()
	}()
	deadline := time.After(5 * time.Second)
	for {
		runtime.GC()
		select {
		case <-freed:
			return
		case <-deadline:
			t.Fatal("the client holds the context of a watch that was closed")
		case <-time.After(time.Millisecond):
		}
	}
}

// A large update is not kept by the watch that has handed it out, which may wait for the next
// one for hours.
func TestALargeUpdateIsNotKept(t *testing.T) {
	const large, piece = 32 << 20, 1 << 20
	raw := encoded(t, &kvv1.WatchUpdate{Revision: 1, Events: []*kvv1.Event{
		{Kv: &kvv1.KeyValue{Key: []byte("key"), Value: make([]byte, large), ModRevision: 1}},
	}})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var u kv.Updates
	before, events := heap(), 0
	for part := range slices.Chunk(raw, piece) {
		updates, err := u.Add(part)
		if err != nil {
			t.Fatal(err)
		}
		for _, update := range updates {
			events += len(update.Events)
		}
	}
	if kept := int64(heap()) - int64(before); events != 1 || kept > large/2 {
		t.Errorf("after %d events of %d bytes %d are kept", events, large, kept)
	}
	runtime.KeepAlive(raw)
	runtime.KeepAlive(&u)
}
