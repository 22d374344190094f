//go:build linux

package hostile

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// figures are what is known of an attack after it.
type figures struct {
	attack                *attack
	before, during, after pace
	served                time.Duration
	peak                  int64
	restarts              int
	terms                 uint64
	failed                bool
}

// report is the table of all attacks.
func report(t testing.TB, all []figures) {
	t.Helper()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "attack\tport\tlasts\twrites/s before\tduring\tafter\tp99 before\tduring\tserved after\thost's peak\trestarts\tterms\t")
	for _, f := range all {
		verdict := ""
		if f.failed {
			verdict = "FAILED"
		}
		fmt.Fprintf(w, "%s\t%s\t%v\t%.0f\t%.0f\t%.0f\t%s\t%s\t%s\t%d MiB\t%d\t%d\t%s\n", f.attack.name, f.attack.port, f.attack.lasts(),
			f.before.perSecond, f.during.perSecond, f.after.perSecond, ms(f.before.p99), ms(f.during.p99), ms(f.served), f.peak>>20, f.restarts, f.terms, verdict)
	}
	w.Flush()
	t.Logf("\n%s", &b)
}

func ms(d time.Duration) string { return d.Round(time.Millisecond).String() }
