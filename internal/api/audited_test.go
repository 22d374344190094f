package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// auditOn starts a log on a disk in memory.
func auditOn(t *testing.T, o audit.Options) (*audit.Log, *vfs.Mem) {
	t.Helper()
	m := vfs.NewMem()
	o.FS, o.Member, o.Name = m, "ff", "n1"
	o.MaxFileBytes, o.MaxFiles = defaults.AuditFileBytes, defaults.AuditFiles
	l, err := audit.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, m
}

// requestsIn ends a log and returns what it has of clients.
func requestsIn(t *testing.T, l *audit.Log, m *vfs.Mem) (all []audit.Line) {
	t.Helper()
	l.Close()
	for text := range strings.Lines(string(m.Files()[audit.FileName(1)])) {
		line, err := audit.ParseLine([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if line.Request != "" {
			all = append(all, line)
		}
	}
	return all
}

// Whichever way a request comes in, the record says who asked for what and what
// became of it, and never what the data is.
func TestEachWayInIsRecorded(t *testing.T) {
	l, m := auditOn(t, audit.Options{Level: audit.All})
	svc := &fakeService{result: func(data []byte) server.Result {
		r := server.Result{Index: 41, Term: 3, Data: data}
		if string(data) == "bad" {
			r.Error = "no such command"
		}
		return r
	}}
	s := start(t, api.Options{Service: svc, Audit: l, Limits: api.Limits{MaxValueBytes: 1024}})
	c, ctx := hostClient(t, s), context.Background()

	_, _ = c.Propose(ctx, &hostv1.ProposeRequest{Data: []byte("secret")})
	_, _ = c.Propose(ctx, &hostv1.ProposeRequest{Data: []byte("bad")})
	_, _ = c.Query(ctx, &hostv1.QueryRequest{Data: []byte("key"), Consistency: hostv1.Consistency_CONSISTENCY_STALE})
	_, _ = c.AddMember(ctx, &hostv1.AddMemberRequest{Member: &hostv1.Member{Id: "1f", Name: "n3", PeerUrls: []string{"http://h:1"}}, Force: true})
	_, _ = c.AddMember(ctx, &hostv1.AddMemberRequest{Member: &hostv1.Member{Id: "a"}})
	_, _ = c.RemoveMember(ctx, &hostv1.RemoveMemberRequest{Id: "nonsense"})
	_, _ = c.TransferLeader(ctx, &hostv1.TransferLeaderRequest{To: "a"})
	_, _ = c.Status(ctx, &hostv1.StatusRequest{})
	svc.set(func(f *fakeService) { f.fail = &server.Error{Err: server.ErrTimeout} })
	_, _ = c.UpdateMember(ctx, &hostv1.UpdateMemberRequest{Member: &hostv1.Member{Id: "a", ClientAddress: "h:2"}, Force: true})
	svc.set(func(f *fakeService) { f.fail = nil })
	resp, err := http.Post("http://"+s.Addr().String()+"/v1/propose", "application/json", strings.NewReader(`{"data":"c2VjcmV0"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	stream, err := c.Proposals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	batch := &hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Id: 7, Data: []byte("secret")}, {Id: 8, Data: make([]byte, 2048)}}}
	if err := stream.Send(batch); err != nil {
		t.Fatal(err)
	}
	for answers := 0; answers < 2; {
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		answers += len(got.GetResults())
	}
	got := requestsIn(t, l, m)

	type short struct {
		op      audit.Op
		target  string
		outcome audit.Outcome
		reason  string
		index   uint64
	}
	var list []short
	sum := sha256.Sum256([]byte("secret"))
	for _, g := range got {
		x := short{g.Op, "", g.Outcome, g.Reason, g.Index}
		if g.Target != nil {
			x.target = g.Target.ID
		}
		list = append(list, x)
		if g.Address != "127.0.0.1" || g.Member != "ff" || g.Client != "" {
			t.Errorf("record %d is of a client at %q", g.Number, g.Address)
		}
		if data := g.Bytes != nil && *g.Bytes == 6; data && (g.SHA256 != hex.EncodeToString(sum[:]) || g.Term != 3) {
			t.Errorf("record %d has the digest %s, term %d", g.Number, g.SHA256, g.Term)
		}
	}
	want := []short{
		{audit.Propose, "", audit.Applied, "", 41},
		{audit.Propose, "", audit.Applied, audit.ReasonRefused, 41},
		{audit.Query, "", audit.Answered, "", 7},
		{audit.AddMember, "1f", audit.Applied, "", 0},
		{audit.PromoteMember, "a", audit.Applied, "", 0},
		{audit.RemoveMember, "nonsense", audit.NotApplied, "malformed", 0},
		{audit.Transfer, "a", audit.Applied, "", 0},
		{audit.UpdateMember, "a", audit.Unknown, "timeout", 0},
		{audit.Propose, "", audit.Applied, "", 41},
		{audit.Propose, "", audit.NotApplied, "too_large", 0},
		{audit.Propose, "", audit.Applied, "", 41},
	}
	if !slices.Equal(list, want) {
		t.Errorf("the record is\n%v, not\n%v", list, want)
	}
	for _, g := range got {
		if g.Op == audit.UpdateMember && !g.Target.Force {
			t.Error("an update that was forced is not called so")
		}
	}
	if n := len(got); n == len(want) && (got[n-1].Request != "10.7" || got[n-2].Request != "10.8" || got[0].Request != "1") {
		t.Errorf("the requests are called %s, %s and %s", got[0].Request, got[n-2].Request, got[n-1].Request)
	}
	for name, b := range m.Files() {
		if strings.Contains(string(b), "secret") || strings.Contains(string(b), "c2VjcmV0") {
			t.Errorf("%s has the data of a request", name)
		}
	}
}

// A request that its client may not make is recorded with the reason, also where
// those that it may make are not: the attempt is worth knowing.
func TestWhatARoleForbidsIsRecorded(t *testing.T) {
	l, m := auditOn(t, audit.Options{Level: audit.Changes})
	guard, err := access.New(&access.Policy{Anonymous: access.Read}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, api.Options{Service: &fakeService{}, Audit: l, Access: guard})
	c, ctx := hostClient(t, s), context.Background()
	if _, err := c.Propose(ctx, &hostv1.ProposeRequest{Data: []byte("x")}); err == nil {
		t.Error("a proposal of a client that may read is taken")
	}
	if _, err := c.RemoveMember(ctx, &hostv1.RemoveMemberRequest{Id: "a"}); err == nil {
		t.Error("a change of a client that may read is taken")
	}
	if _, err := c.Query(ctx, &hostv1.QueryRequest{Data: []byte("k"), Consistency: hostv1.Consistency_CONSISTENCY_STALE}); err != nil {
		t.Error(err)
	}
	got := requestsIn(t, l, m)
	if len(got) != 2 || got[0].Op != audit.Propose || got[1].Op != audit.RemoveMember {
		t.Fatalf("the record is %+v", got)
	}
	for _, g := range got {
		if g.Outcome != audit.NotApplied || g.Reason != "unauthenticated" || g.Address != "127.0.0.1" {
			t.Errorf("%+v", g)
		}
	}
}

// With on_full refuse, what cannot be recorded is not proposed, by any way in, and
// its client is told so.
func TestWhatCannotBeRecordedIsNotProposed(t *testing.T) {
	l, m := auditOn(t, audit.Options{Level: audit.Writes, OnFull: audit.Refuse, Sync: audit.SyncEach})
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc, Audit: l})
	c, ctx := hostClient(t, s), context.Background()
	if _, err := c.Propose(ctx, &hostv1.ProposeRequest{Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		m.FailNth(vfs.OpWrite, 1, syscall.ENOSPC)
	}
	_, err := c.Propose(ctx, &hostv1.ProposeRequest{Data: []byte("x")})
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "no space") {
		t.Errorf("a proposal ends with %v", err)
	}
	if _, err := c.RemoveMember(ctx, &hostv1.RemoveMemberRequest{Id: "a"}); status.Code(err) != codes.Unavailable {
		t.Errorf("a change ends with %v", err)
	}
	if _, err := c.Query(ctx, &hostv1.QueryRequest{Data: []byte("k"), Consistency: hostv1.Consistency_CONSISTENCY_STALE}); err != nil {
		t.Errorf("a query, of which no record is wanted, ends with %v", err)
	}
	stream, err := c.Proposals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Id: 7, Data: []byte("x")}}}); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Recv()
	if err != nil || got.GetResults()[0].GetFailure().GetReason() != "audit_unavailable" ||
		got.GetResults()[0].GetFailure().GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
		t.Errorf("a proposal on a stream ends with %v, %v", got, err)
	}
	if svc.index != 1 || svc.lastID != 0 {
		t.Errorf("%d proposals reached the service, and member %v was removed", svc.index, svc.lastID)
	}
	if f := l.Failing(); f == nil || !errors.Is(f.Err, syscall.ENOSPC) {
		t.Errorf("the log says %v", f)
	}
}

// The record of an answer in chunks of which the client had a part says so, whatever ended it:
// a watch never ends as a whole. One of which it had nothing was not answered.
func TestAnAnswerOfWhichAPartWasSentIsRecordedAsOne(t *testing.T) {
	l, m := auditOn(t, audit.Options{Level: audit.All})
	svc := &fakeService{stream: func(ctx context.Context, _ func([]byte) error) error {
		<-ctx.Done()
		return &server.Error{Err: server.ErrReadTimeout}
	}}
	s := start(t, api.Options{Service: svc, Audit: l})
	for _, query := range []string{"a part", ""} {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := hostClient(t, s).QueryStream(ctx, &hostv1.QueryRequest{Data: []byte(query)})
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + len(strings.Fields(query)) {
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
	}
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	got := requestsIn(t, l, m)
	if len(got) != 2 {
		t.Fatalf("the record is %+v", got)
	}
	for _, g := range got {
		part := *g.Bytes > 0
		if part && (g.Outcome != audit.Answered || g.Index != 7) || !part && (g.Outcome != audit.NotApplied || g.Index != 0) || g.Reason == "" {
			t.Errorf("a query of %d bytes: %+v", *g.Bytes, g)
		}
	}
}
