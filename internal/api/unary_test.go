package api_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

func TestUnaryForms(t *testing.T) {
	svc := &fakeService{}
	c := hostClient(t, start(t, api.Options{Service: svc, Version: "v9"}))
	ctx := context.Background()

	p, err := c.Propose(ctx, &hostv1.ProposeRequest{Data: []byte("x")})
	if err != nil || string(p.GetData()) != "x" || p.GetIndex() != 1 {
		t.Errorf("Propose() = %v, %v", p, err)
	}
	q, err := c.Query(ctx, &hostv1.QueryRequest{Data: []byte("k"), Consistency: hostv1.Consistency_CONSISTENCY_STALE})
	if err != nil || string(q.GetData()) != "k" || q.GetIndex() != 7 || svc.lastQuery != server.Stale {
		t.Errorf("Query() = %v, %v, level %v", q, err, svc.lastQuery)
	}
	st, err := c.Status(ctx, &hostv1.StatusRequest{})
	if err != nil || st.GetClusterId() != "abcd" || st.GetId() != "ff" || st.GetLeader() != "ff" || st.GetVersion() != "v9" ||
		st.GetPlugins()[0].GetPid() != 42 || st.GetPlugins()[0].GetWarning() != "short of space: so it is" || st.GetProgress()[0].GetId() != "a" ||
		st.GetLinks()[0].GetId() != "a" || st.GetLinks()[0].GetTransport() != "http" || len(st.GetLinks()[0].GetUsable()) != 2 {
		t.Errorf("Status() = %v, %v", st, err)
	}
	m, err := c.Members(ctx, &hostv1.MembersRequest{})
	if err != nil || len(m.GetMembers()) != 2 || m.GetMembers()[0].GetId() != "a" || !m.GetMembers()[0].GetLearner() {
		t.Errorf("Members() = %v, %v", m, err)
	}
	if _, err := c.AddMember(ctx, &hostv1.AddMemberRequest{Member: &hostv1.Member{Id: "1f", Name: "n3", PeerUrls: []string{"pigeon://loft:1"}}}); err != nil {
		t.Errorf("AddMember() = %v", err)
	}
	if svc.lastMember.ID != 0x1f || svc.lastMember.Name != "n3" || len(svc.lastMember.PeerURLs) != 1 {
		t.Errorf("added %+v", svc.lastMember)
	}
	update := &hostv1.Member{Id: "a", PeerUrls: []string{"quic://127.0.0.1:7702"}}
	if m, err := c.UpdateMember(ctx, &hostv1.UpdateMemberRequest{Member: update}); err != nil || len(m.GetMembers()) != 2 {
		t.Errorf("UpdateMember() = %v, %v", m, err)
	}
	if svc.lastMember.ID != 0xa || svc.lastMember.Name != "" || svc.lastMember.PeerURLs[0] != "quic://127.0.0.1:7702" {
		t.Errorf("updated %+v", svc.lastMember)
	}
	if _, err := c.AddMember(ctx, &hostv1.AddMemberRequest{Member: &hostv1.Member{Id: "1f"}, Force: true}); err != nil || !svc.lastChange.Force {
		t.Errorf("AddMember(force) = %v, %+v", err, svc.lastChange)
	}
	if _, err := c.UpdateMember(ctx, &hostv1.UpdateMemberRequest{Member: update}); err != nil || svc.lastChange.Force {
		t.Errorf("UpdateMember() = %v, %+v", err, svc.lastChange)
	}
	if _, err := c.UpdateMember(ctx, &hostv1.UpdateMemberRequest{Member: update, Force: true}); err != nil || !svc.lastChange.Force {
		t.Errorf("UpdateMember(force) = %v, %+v", err, svc.lastChange)
	}
	if _, err := c.Members(ctx, &hostv1.MembersRequest{Linearizable: true}); err != nil || svc.current != 1 {
		t.Errorf("Members(linearizable) = %v, asked %d times", err, svc.current)
	}
	if _, err := c.RemoveMember(ctx, &hostv1.RemoveMemberRequest{Id: "ff"}); err != nil || svc.lastID != 0xff {
		t.Errorf("RemoveMember() = %v, removed %v", err, svc.lastID)
	}
	l, err := c.TransferLeader(ctx, &hostv1.TransferLeaderRequest{})
	if err != nil || l.GetLeader() != "a" || svc.lastID != 0 {
		t.Errorf("TransferLeader() = %v, %v", l, err)
	}
}

func TestUnaryRefusals(t *testing.T) {
	c := hostClient(t, start(t, api.Options{Service: &fakeService{}, Limits: api.Limits{MaxValueBytes: 1000}}))
	ctx := context.Background()
	propose := func(size int) error {
		_, err := c.Propose(ctx, &hostv1.ProposeRequest{Data: make([]byte, size)})
		return err
	}
	remove := func(id string) error {
		_, err := c.RemoveMember(ctx, &hostv1.RemoveMemberRequest{Id: id})
		return err
	}
	add := func(m *hostv1.Member) error {
		_, err := c.AddMember(ctx, &hostv1.AddMemberRequest{Member: m})
		return err
	}
	update := func(m *hostv1.Member) error {
		_, err := c.UpdateMember(ctx, &hostv1.UpdateMemberRequest{Member: m})
		return err
	}
	query := func(q *hostv1.QueryRequest) error {
		_, err := c.Query(ctx, q)
		return err
	}
	for _, tc := range []struct {
		name   string
		err    error
		reason string
		code   codes.Code
	}{
		{"value over the limit", propose(1001), "too_large", codes.ResourceExhausted},
		{"message over the limit", propose(3 << 20), "too_large", codes.ResourceExhausted},
		{"query over the limit", query(&hostv1.QueryRequest{Data: make([]byte, 1001)}), "too_large", codes.ResourceExhausted},
		{"unknown consistency", query(&hostv1.QueryRequest{Consistency: 7}), "malformed", codes.InvalidArgument},
		{"no id", remove(""), "malformed", codes.InvalidArgument},
		{"id 0", remove("0"), "malformed", codes.InvalidArgument},
		{"id not hex", remove("xyz"), "malformed", codes.InvalidArgument},
		{"id of 65 bits", remove("10000000000000000"), "malformed", codes.InvalidArgument},
		{"no member", add(nil), "malformed", codes.InvalidArgument},
		{"nobody to update", update(nil), "malformed", codes.InvalidArgument},
		{"no id to update", update(&hostv1.Member{Name: "n2"}), "malformed", codes.InvalidArgument},
		{"nothing to update", update(&hostv1.Member{Id: "2"}), "malformed", codes.InvalidArgument},
		{"a peer URL without a scheme", update(&hostv1.Member{Id: "2", PeerUrls: []string{"10.0.0.1:7501"}}), "malformed", codes.InvalidArgument},
		{"an empty peer URL", update(&hostv1.Member{Id: "2", PeerUrls: []string{""}}), "malformed", codes.InvalidArgument},
		{"member id not hex", add(&hostv1.Member{Id: "n3"}), "malformed", codes.InvalidArgument},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := failureIn(t, tc.err)
			if status.Code(tc.err) != tc.code || f.GetReason() != tc.reason || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
				t.Errorf("error = %v with %v", tc.err, f)
			}
		})
	}
}

// A peer URL that no transport could use is refused before the service hears of
// it, with whatever usable one it comes.
func TestUnusablePeerURLs(t *testing.T) {
	svc := &fakeService{}
	c := hostClient(t, start(t, api.Options{Service: svc}))
	ctx := context.Background()
	for _, raw := range []string{
		"", "10.0.0.1:7501", "http://h", "http://:80", "http://h:0", "quic://h:1/x", "http://u@h:1", "http://h:1?x", "http://h:1#x",
	} {
		m := &hostv1.Member{Id: "2", Name: "n2", PeerUrls: []string{"http://h:1", raw}}
		_, add := c.AddMember(ctx, &hostv1.AddMemberRequest{Member: m})
		_, update := c.UpdateMember(ctx, &hostv1.UpdateMemberRequest{Member: m})
		for call, err := range map[string]error{"add": add, "update": update} {
			f := failureIn(t, err)
			if status.Code(err) != codes.InvalidArgument || f.GetReason() != "malformed" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
				t.Errorf("%s with %q: %v with %v", call, raw, err, f)
			}
		}
	}
	if svc.lastMember.ID != 0 {
		t.Errorf("the service was asked for %+v", svc.lastMember)
	}
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (rawCodec) Unmarshal(mem.BufferSlice, any) error { return nil }

var _ encoding.CodecV2 = rawCodec{}

func TestGarbageIsRefusedAsNotApplied(t *testing.T) {
	conn := dial(t, start(t, api.Options{Service: &fakeService{}}))
	garbage := []byte("\x0a\xff\xff\xff")

	err := conn.Invoke(context.Background(), hostv1.Host_Propose_FullMethodName, garbage, nil, grpc.ForceCodecV2(rawCodec{}))
	if f := failureIn(t, err); f.GetReason() != "malformed" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
		t.Errorf("unary garbage: %v with %v", err, f)
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := conn.NewStream(ctx, &hostv1.Host_ServiceDesc.Streams[0], hostv1.Host_Proposals_FullMethodName, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(garbage); err != nil {
		t.Fatal(err)
	}
	err = stream.RecvMsg(nil)
	if f := failureIn(t, err); f.GetReason() != "malformed" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
		t.Errorf("garbage on a stream: %v with %v", err, f)
	}
}

func TestDrainRefusesRequestsAndStillReports(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}})
	c := hostClient(t, s)
	s.Drain()
	ctx := context.Background()
	_, propose := c.Propose(ctx, &hostv1.ProposeRequest{Data: []byte("x")})
	_, query := c.Query(ctx, &hostv1.QueryRequest{})
	_, add := c.AddMember(ctx, &hostv1.AddMemberRequest{Member: &hostv1.Member{}})
	_, remove := c.RemoveMember(ctx, &hostv1.RemoveMemberRequest{Id: "1"})
	_, transfer := c.TransferLeader(ctx, &hostv1.TransferLeaderRequest{})
	for _, err := range []error{propose, query, add, remove, transfer} {
		if f := failureIn(t, err); f.GetReason() != "stopping" || status.Code(err) != codes.Unavailable {
			t.Errorf("while draining: %v", err)
		}
	}
	if _, err := c.Status(ctx, &hostv1.StatusRequest{}); err != nil {
		t.Errorf("Status() while draining = %v", err)
	}
	if _, err := c.Members(ctx, &hostv1.MembersRequest{}); err != nil {
		t.Errorf("Members() while draining = %v", err)
	}
}
