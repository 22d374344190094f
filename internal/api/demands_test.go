package api

import (
	"context"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/proposalwire"
)

// classedRequests are those of a host whose clients have roles, and a writer's.
func classedRequests(t testing.TB, classes *access.Classes) (*requests, context.Context) {
	t.Helper()
	g, err := access.New(&access.Policy{Anonymous: access.Write}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &requests{guard: g, classes: classes}, access.With(context.Background(), access.Identity{Name: "app", Role: access.Write})
}

func someClasses() *access.Classes {
	c := access.NewClasses()
	c.Adopt([]access.Class{{Prefix: "admin:", Role: access.Administer}, {Prefix: "users:", Role: access.Administer}})
	return c
}

// A command that its client may propose costs no allocation, alone or on a stream.
func TestWhatIsAllowedAllocatesNothing(t *testing.T) {
	r, ctx := classedRequests(t, someClasses())
	data := []byte("put: some value")
	if n := testing.AllocsPerRun(100, func() {
		d := r.demands(ctx)
		if d.command(data) != nil {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations for a request", n)
	}
	d := r.streamDemands(ctx)
	batch := &proposalBatch{proposals: []proposal{{proposalwire.Proposal{ID: 1, Data: data}}, {proposalwire.Proposal{ID: 2, Data: data}}}}
	if n := testing.AllocsPerRun(100, func() { d.refuseIn(batch) }); n != 0 || len(batch.proposals) != 2 {
		t.Errorf("%v allocations for a batch, of which %d are left", n, len(batch.proposals))
	}
}

// Each proposal that is refused is counted, and all of one class share one text. They are
// not among those for which there was no room.
func TestDenialsOfAStreamAreCountedOneByOne(t *testing.T) {
	r, ctx := classedRequests(t, someClasses())
	d := r.streamDemands(ctx)
	batch := &proposalBatch{}
	for i := range 300 {
		batch.proposals = append(batch.proposals, proposal{proposalwire.Proposal{ID: uint64(i), Data: []byte([]string{"put: x", "admin: x", "users: x"}[i%3])}})
	}
	d.refuseIn(batch)
	if len(batch.proposals) != 100 || len(batch.refused) != 200 || len(d.said) != 2 {
		t.Fatalf("%d proposals are left, %d refused with %d texts", len(batch.proposals), len(batch.refused), len(d.said))
	}
	for i, p := range batch.refused {
		if p.id%3 != uint64(1+i%2) || p.err != batch.refused[i%2].err || isFull(p.err) {
			t.Fatalf("refusal %d is of proposal %d: %v", i, p.id, p.err)
		}
	}
	if got := r.guard.State(time.Now()).Denied; got != 200 {
		t.Errorf("%d denials are counted", got)
	}
}

// The price of classes for a proposal on a stream.
func BenchmarkClasses(b *testing.B) {
	none := access.NewClasses()
	none.Adopt(nil)
	for _, x := range []struct {
		name    string
		classes *access.Classes
		data    string
	}{{"no roles", nil, "put: x"}, {"no classes", none, "put: x"}, {"allowed", someClasses(), "put: x"}, {"denied", someClasses(), "admin: x"}} {
		b.Run(x.name, func(b *testing.B) {
			r, ctx := classedRequests(b, x.classes)
			d, data := r.streamDemands(ctx), []byte(x.data)
			b.ReportAllocs()
			for b.Loop() {
				_ = d.command(data)
			}
		})
	}
}
