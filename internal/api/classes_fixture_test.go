package api_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/audit"
)

// classesFor are those of a state machine with commands and queries for administrators, and a
// query for writers.
func classesFor() *access.Classes {
	c := access.NewClasses()
	c.Adopt([]access.Class{
		{Prefix: "admin:", Role: access.Administer},
		{Prefix: "admin:open", Role: access.Write},
		{Prefix: "secret", Query: true, Role: access.Administer},
		{Prefix: "inner", Query: true, Role: access.Write},
	})
	return c
}

// A classRow is what a client asks for, and the role that it needs.
type classRow struct {
	query bool
	data  string
	need  access.Role
}

// tells whether a refusal says all that a client with that role needs to know. The role
// of the method is asked for before that of the class.
func (r classRow) tells(refusal string, role access.Role) bool {
	what, need := "a command", r.need
	switch {
	case r.query:
		what = "a query"
	case role == access.Read:
		what, need = "ropos", access.Write // Propose, Proposals, /v1/propose
	}
	return strings.Contains(refusal, what) && strings.Contains(refusal, fmt.Sprintf("needs the role %v; a-%v, known by its token", need, role))
}

func classRows() []classRow {
	return []classRow{
		{false, "plain", access.Write},
		{false, "", access.Write},
		{false, "admin", access.Write},
		{false, "admin:", access.Administer},
		{false, "admin:drop", access.Administer},
		{false, "admin:opened", access.Write},
		{false, "secret", access.Write},
		{true, "plain", access.Read},
		{true, "admin:drop", access.Read},
		{true, "inner state", access.Write},
		{true, "secret", access.Administer},
	}
}

// startClassed serves svc to the holders of keys, with classes.
func startClassed(t *testing.T, k keys, c *access.Classes, log *audit.Log) *api.Server {
	t.Helper()
	g, err := access.New(&access.Policy{TokensFile: k.file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, api.Options{Service: &fakeService{}, Access: g, Classes: c, Audit: log})
}

// waysIn are the errors of a command or query by the name of each method for it.
func waysIn(ctx context.Context, t *testing.T, c hostv1.HostClient, query bool, data string) map[string]error {
	t.Helper()
	if query {
		_, err := c.Query(ctx, &hostv1.QueryRequest{Data: []byte(data)})
		return map[string]error{"Query": err}
	}
	_, err := c.Propose(ctx, &hostv1.ProposeRequest{Data: []byte(data)})
	return map[string]error{"Propose": err, "Proposals": onAStream(ctx, t, c, data)[0]}
}

// onAStream proposes all data in one batch and returns what became of each.
func onAStream(ctx context.Context, t *testing.T, c hostv1.HostClient, data ...string) []error {
	t.Helper()
	outcomes := make([]error, len(data))
	stream, err := c.Proposals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	batch := &hostv1.ProposalBatch{}
	for i, d := range data {
		batch.Proposals = append(batch.Proposals, &hostv1.Proposal{Id: uint64(i), Data: []byte(d)})
	}
	// EOF: the stream was refused before the batch came; Recv has why.
	if err := stream.Send(batch); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	for answered := 0; answered < len(data); {
		answers, err := stream.Recv()
		if err != nil {
			return []error{err}
		}
		for _, r := range answers.GetResults() {
			answered++
			if f := r.GetFailure(); f != nil {
				outcomes[r.GetId()] = statusFor(t, f)
			}
		}
	}
	return outcomes
}

// statusFor is a Failure of a stream as the unary forms carry it.
func statusFor(t *testing.T, f *hostv1.Failure) error {
	t.Helper()
	code := codes.Unavailable
	if f.GetReason() == "permission_denied" {
		code = codes.PermissionDenied
	}
	st, err := status.New(code, f.GetMessage()).WithDetails(f)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}
