//go:build linux

package plugincheck

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The output of the checking process becomes checks: those with others below them do not count,
// findings have the rules of the checks above if they name none, and the check within which
// the process ended is a finding.
func TestTheOutputOfTestsBecomesChecks(t *testing.T) {
	t.Parallel()
	output := strings.Join([]string{
		`{"Info":{"Kind":"storage","Name":"tape"}}`,
		"\x16=== RUN   grpc", "\x16=== RUN   grpc/Good", "\x16=== RUN   grpc/Good/one", "\x16=== NAME  grpc/Good",
		"\x16--- PASS: grpc/Good/one (0.50s)", "\x16--- PASS: grpc/Good (0.50s)",
		"\x16=== RUN   grpc/Bad", "\x16=== RUN   grpc/Bad/deep", "    run.go:3: it is lost", "        twice",
		"\x16--- FAIL: grpc/Bad/deep (1.00s)", "\x16=== NAME  grpc/Bad", "    run.go:9: rule ST-1, P-8, see docs/plugins/protocol-storage.md",
		"\x16--- FAIL: grpc/Bad (1.00s)",
		"\x16=== RUN   grpc/Lacking", "    run.go:5: this lane cannot fill a disk", "\x16--- SKIP: grpc/Lacking (0.00s)",
		"\x16=== RUN   grpc/Alone", "    process.go:5: advice, rule P-1: ends", "\x16--- SKIP: grpc/Alone (0.00s)",
		"\x16=== RUN   grpc/Hung", "no line of package testing",
	}, "\n")
	opened, all, err := new(reader).read(strings.NewReader(output))
	if err != nil || opened.Info.Name != "tape" {
		t.Fatalf("%+v, %v", opened, err)
	}
	var r Report
	r.fill(all, errors.New("exit status 2"), "panic: gone")
	var got []string
	for _, c := range r.Checks {
		got = append(got, fmt.Sprintf("%s %s %d rules %q", c.Name, c.Outcome, len(c.Rules), Reason(c.Output)))
	}
	want := []string{
		`grpc/Good/one passed 0 rules ""`, `grpc/Bad/deep failed 2 rules "it is lost"`, `grpc/Lacking skipped 0 rules "this lane cannot fill a disk"`,
		`grpc/Alone advised 1 rules "advice, rule P-1: ends"`, `grpc/Hung ended 0 rules "no line of package testing"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.Conforms() || r.Count(Passed) != 1 || !strings.Contains(r.Checks[4].Output, "panic: gone") {
		t.Errorf("%+v", r)
	}
	if text := r.Checks[1].Rules[0].Text; !strings.HasPrefix(r.Checks[1].Rules[0].Page, "docs/plugins/") || text == "" {
		t.Errorf("the rule is not on its page: %+v", r.Checks[1].Rules)
	}
}

// A process that prints nothing, or ends before its tests, is an error and no report.
func TestAProcessWithoutAnOpeningIsAnError(t *testing.T) {
	t.Parallel()
	for _, output := range []string{"", "panic: gone\n"} {
		if _, _, err := new(reader).read(strings.NewReader(output)); err == nil {
			t.Errorf("%q is taken for an opening", output)
		}
	}
}

// A line without measure is read to its end, or the checking process would wait for ever. Its
// beginning is kept. A name with slashes of its own, as of a command, has no checks between.
func TestOutputOfAnyShapeIsRead(t *testing.T) {
	t.Parallel()
	output := "{}\n\x16=== RUN   grpc\n\x16=== RUN   grpc/Refused\n\x16=== RUN   grpc/Refused/set_/a/b\n" + strings.Repeat("x", 20<<20) +
		"\n\x16--- PASS: grpc/Refused/set_/a/b (0.00s)\n\x16--- PASS: grpc/Refused (0.00s)\n\x16--- PASS: grpc (0.00s)"
	_, all, err := new(reader).read(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	r.fill(all, nil, "")
	if len(r.Checks) != 1 || !r.Conforms() || len(r.Checks[0].Output) > 2*maxOutput {
		t.Errorf("%d checks, conforms: %t", len(r.Checks), r.Conforms())
	}
}
