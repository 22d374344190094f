package server

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing/synctest"
	"time"
)

// judge lets everything come to rest and looks at what there is.
func (p *past) judge() {
	p.t.Helper()
	p.disk.fails.Store(false)
	p.slow.Store(0)
	p.release()
	for range 10 {
		time.Sleep(time.Minute)
		synctest.Wait()
		p.give()
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	p.headers()
	select {
	case <-p.s.done:
		p.t.Fatalf("the server has ended: %v", p.s.err)
	default:
	}
	if p.s.Applied() != p.last {
		un := "nil"
		if u := p.s.unread.Load(); u != nil {
			un = *u
		}
		bytes, inLog := p.s.queue.waiting()
		p.t.Fatalf("applied %d of %d, stalled %v, down %v, unread %s, pleads %d, machines %d, waiting %d %d", p.s.Applied(), p.last, p.s.ApplyStalled(), p.s.MachineDown(), un, p.s.Pleads(), len(p.source.all()), bytes, inLog)
	}
	var have, should []string
	for _, e := range p.source.current().Entries() {
		have = append(have, fmt.Sprintf("%d=%s", e.Index, e.Data))
	}
	counts := make([]int, len(p.texts))
	for i, text := range p.texts {
		if text != "" {
			should = append(should, fmt.Sprintf("%d=%s", i+1, text))
		}
		counts[i] = len(should)
	}
	if !slices.Equal(have, should) {
		p.t.Errorf("state is %q, want %q", have, should)
	}
	if p.s.Applied() != p.last {
		p.t.Errorf("applied is %d, want %d", p.s.Applied(), p.last)
	}
	if bytes, inLog := p.s.queue.waiting(); bytes != 0 || inLog != 0 {
		p.t.Errorf("%d bytes and %d entries are left", bytes, inLog)
	}
	if a, b := p.s.Membership().Members, p.members[p.last].Members(); fmt.Sprint(a) != fmt.Sprint(b) {
		p.t.Errorf("members are %v, want %v", a, b)
	}
	if text := p.s.unread.Load(); text != nil {
		p.t.Errorf("it says that the storage cannot be read: %s", *text)
	}
	for _, w := range p.wants {
		select {
		case got := <-w.outcome:
			if got.err == nil && !got.result.Lost && (got.result.Index != w.index || string(got.result.Data) != strconv.Itoa(counts[w.index-1])) {
				p.t.Errorf("the request at %d has %+v, want %d", w.index, got, counts[w.index-1])
			}
		default:
			p.t.Errorf("the request at %d has no outcome", w.index)
		}
		select {
		case got := <-w.outcome:
			p.t.Errorf("the request at %d has a second outcome %+v", w.index, got)
		default:
		}
	}
}

// headers checks the membership in all snapshots.
func (p *past) headers() {
	p.t.Helper()
	ctx := context.Background()
	snapshots, err := p.store.ListSnapshots(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range snapshots {
		index := snapshots[i].Metadata.Index
		r, err := p.store.OpenSnapshot(ctx, index)
		if err != nil {
			p.t.Fatal(err)
		}
		h, err := ReadSnapshotHeader(r)
		r.Close()
		if err != nil {
			p.t.Fatal(err)
		}
		if a, b := fmt.Sprint(h.Registry.Members()), fmt.Sprint(p.members[index].Members()); a != b {
			p.t.Errorf("the snapshot at %d has members %s, want %s", index, a, b)
		}
	}
}
