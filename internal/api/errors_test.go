package api

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// TestEverySentinelHasAVerdict compares the names in internal/server/errors.go
// with those in the table: an error without a row would be "internal".
func TestEverySentinelHasAVerdict(t *testing.T) {
	want := declaredErrors(t, "../server/errors.go")
	got := tableErrors(t, "errors.go")
	if len(want) < 18 {
		t.Fatalf("found only %v: is the parser right?", want)
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("server.%s has no row in verdicts", name)
		}
	}
}

// declaredErrors lists the package variables of a file that begin with Err.
func declaredErrors(t *testing.T, file string) []string {
	t.Helper()
	var names []string
	for _, d := range parse(t, file).Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.VAR {
			continue
		}
		for _, spec := range decl.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				if strings.HasPrefix(name.Name, "Err") {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

// tableErrors lists the server.Err… that the function verdicts mentions.
func tableErrors(t *testing.T, file string) []string {
	t.Helper()
	var names []string
	for _, d := range parse(t, file).Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Name.Name != "verdicts" {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && fmt.Sprint(sel.X) == "server" {
				names = append(names, sel.Sel.Name)
			}
			return true
		})
	}
	return names
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestVerdicts(t *testing.T) {
	reasons := map[string]bool{}
	for _, v := range verdicts() {
		t.Run(v.reason, func(t *testing.T) {
			if reasons[v.reason] {
				t.Error("reason is used twice")
			}
			reasons[v.reason] = true
			// Clients and proxies retry these unasked.
			if (v.code == codes.Unavailable || v.http == 503 || v.http == 429) && v.outcome != notApplied {
				t.Error("looks safe to retry and is not")
			}
			err := fmt.Errorf("propose: %w", &server.Error{Err: v.err, Detail: "some numbers"})
			if got := verdictOf(err); got.reason != v.reason {
				t.Errorf("verdictOf(wrapped) = %s", got.reason)
			}
			st := status.Convert(statusOf(err))
			f, ok := st.Details()[0].(*hostv1.Failure)
			if !ok || st.Code() != v.code || f.GetOutcome() != v.outcome || f.GetReason() != v.reason {
				t.Errorf("statusOf() = %v with %v", st, f)
			}
			if !strings.Contains(f.GetMessage(), "some numbers") {
				t.Errorf("message %q lacks the detail", f.GetMessage())
			}
		})
	}
}

func TestVerdictOfErrorsOutsideTheTable(t *testing.T) {
	for _, c := range []struct {
		err    error
		reason string
		code   codes.Code
	}{
		{errors.New("no one knows"), "internal", codes.Unknown},
		{context.Canceled, "canceled", codes.Canceled},
		{context.DeadlineExceeded, "timeout", codes.DeadlineExceeded},
	} {
		t.Run(c.reason, func(t *testing.T) {
			if v := verdictOf(c.err); v.reason != c.reason || v.code != c.code || v.outcome != unknown {
				t.Errorf("verdictOf(%v) = %+v", c.err, v)
			}
		})
	}
}

func TestFailureCarriesHints(t *testing.T) {
	f := failureOf(&server.Error{
		Err: server.ErrNoLeader, Detail: "term 7", Leader: 0xAB, LeaderAddress: "127.0.0.1:7401", RetryAfter: 1500 * time.Microsecond,
	})
	if f.GetLeader() != "ab" || f.GetLeaderAddress() != "127.0.0.1:7401" || f.GetRetryAfterMs() != 2 {
		t.Errorf("failureOf() = %v", f)
	}
	if f := failureOf(server.ErrNoLeader); f.GetLeader() != "" || f.GetRetryAfterMs() != 0 {
		t.Errorf("failureOf() without hints = %v", f)
	}
}

func TestReadsAreNeverUnknown(t *testing.T) {
	for _, err := range []error{server.ErrTimeout, server.ErrStopped, server.ErrCanceled, errors.New("odd")} {
		if f := failureOf(ofRead(err)); f.GetOutcome() != notApplied {
			t.Errorf("failureOf(read %v) = %v", err, f)
		}
	}
}

func TestTextIsAlwaysValid(t *testing.T) {
	f := failureOf(&server.Error{Err: server.ErrInvalid, Detail: "bad \xff byte"})
	if b := encodeFailure(f); len(b) == 0 {
		t.Errorf("failure %v cannot be encoded", f)
	}
}

// TestVerdictsAreDocumented: the table in the documentation is the table in
// the code.
func TestVerdictsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile("../../docs/client-api.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	outcomes := map[hostv1.Outcome]string{notApplied: "not applied", unknown: "unknown"}
	table := verdicts()
	rows := append(table[:], verdictOf(errors.New("odd")))
	for _, v := range rows {
		row := fmt.Sprintf("| `%s` | %s | %v | %d |", v.reason, outcomes[v.outcome], v.code, v.http)
		if !strings.Contains(page, row) {
			t.Errorf("docs/client-api.md lacks the row %s", row)
		}
	}
}

// A request that was lost with its leader is not applied if that is known.
func TestALostLeaderMayBeKnownToHaveAppliedNothing(t *testing.T) {
	for known, want := range map[bool]hostv1.Outcome{false: unknown, true: notApplied} {
		f := failureOf(&server.Error{Err: server.ErrLeaderLost, NotApplied: known})
		if f.GetOutcome() != want || f.GetReason() != "leader_lost" {
			t.Errorf("known %t: %v, %s", known, f.GetOutcome(), f.GetReason())
		}
	}
}
