package arrivals

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
)

const silence = 4 * time.Second

// holder is a snapshot that holds a place.
type holder struct {
	*Place
	in    io.Writer
	ended bool
}

// hold enters, and reads whatever is written to in.
func hold(t *testing.T, p *Places, from uint64, member bool) *holder {
	t.Helper()
	r, w := io.Pipe()
	h := &holder{in: w}
	place, err := p.Enter(from, member, func() { h.ended = true })
	if err != nil {
		t.Fatalf("%d: %v", from, err)
	}
	h.Place = place
	go func() { _, _ = io.Copy(io.Discard, place.Reader(r)) }()
	t.Cleanup(func() { _ = w.Close() })
	return h
}

// trickle sends so many bytes a second, for a while.
func trickle(h *holder, bytes int, seconds int) {
	for range seconds {
		_, _ = h.in.Write(make([]byte, bytes))
		<-time.After(time.Second)
	}
}

// A sender of a byte now and then keeps no place from one that sends more.
func TestATricklingSenderGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(2, silence)
		slow := hold(t, p, 2, true)
		quick := hold(t, p, 3, true)
		go trickle(quick, pace.Step, 6)
		trickle(slow, 1, 3)
		synctest.Wait()
		if _, err := p.Enter(9, false, func() {}); !errors.Is(err, ErrTooMany) {
			t.Errorf("a stranger in the place of a member: %v", err)
		}
		hold(t, p, 4, true)
		if !slow.ended || quick.ended {
			t.Errorf("ended: slow %t, quick %t", slow.ended, quick.ended)
		}
		slow.Leave() // later than its successor came
		if taken, gaveWay, _ := p.Count(); taken != 2 || gaveWay != 1 {
			t.Errorf("%d are taken, %d gave way", taken, gaveWay)
		}
		<-time.After(4 * time.Second)
	})
}

// A member need not wait for callers that are not members, nor a sender without a
// place for one that has several.
func TestMembersComeBeforeStrangersAndOneBeforeMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(2, silence)
		stranger, member := hold(t, p, 9, false), hold(t, p, 2, true)
		second := hold(t, p, 2, true)
		if !stranger.ended {
			t.Error("a stranger keeps its place from a member")
		}
		if _, err := p.Enter(2, true, func() {}); !errors.Is(err, ErrTooMany) {
			t.Errorf("a third snapshot of one sender: %v", err)
		}
		hold(t, p, 3, true)
		if member.ended == second.ended {
			t.Errorf("two of one sender: the first ended %t, the second %t; want one of them", member.ended, second.ended)
		}
		if _, err := p.Enter(4, true, func() {}); !errors.Is(err, ErrTooMany) {
			t.Errorf("two senders with a place each: %v", err)
		}
	})
}

// A snapshot that the host does not read is not slow.
func TestASlowHostIsNotTheSendersFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, silence)
		if _, err := p.Enter(2, true, func() { t.Error("it gave way") }); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		if _, err := p.Enter(3, true, func() {}); !errors.Is(err, ErrTooMany) {
			t.Errorf("got %v", err)
		}
	})
}
