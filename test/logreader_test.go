//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A host whose log is not read does all that it does otherwise: it starts,
// leads, takes writes, is live and ready, and stops when it is asked to. Lines
// that it could not write are counted, its plugins' output is read all the same,
// and its status says that the log is not read.
func TestNobodyReadsTheLog(t *testing.T) {
	n := newSingle(t)
	n.floodingStateMachine()
	stderr := fullPipe(t)
	n.host = live.StartHostInto(t, hostProgram(t), n.logPath, stderr, n.args()...)
	n.awaitReady()
	load := startWorkload(t, n)
	load.progress(500)
	n.await("to say that nobody reads its log", func() bool {
		st, ok := n.status()
		return ok && strings.Contains(fmt.Sprint(st.GetWarnings()), "the log has not been read for")
	})
	load.progress(500)
	load.stop()
	for _, path := range []string{"/livez", "/readyz"} {
		if code, body, err := n.get(n.admin, path); code != http.StatusOK || err != nil {
			t.Errorf("%s: %d %v\n%s", path, code, err, body)
		}
	}
	if got := n.metric("pontoon_log_dropped_total"); got <= 0 {
		t.Errorf("%v lines were dropped", got)
	}
	if got := n.metric("pontoon_log_stuck_seconds"); got <= 0 {
		t.Errorf("the log is stuck for %v s", got)
	}
	n.stop()
}

// When the log is read again, one line says how much is missing.
func TestTheLogIsReadAgain(t *testing.T) {
	n := newSingle(t)
	n.floodingStateMachine()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	n.host = live.StartHostInto(t, hostProgram(t), n.logPath, write, n.args()...)
	write.Close()
	n.awaitReady()
	n.await("to drop lines", func() bool { return n.metric("pontoon_log_dropped_total") > 0 })
	log := make(chan string)
	go func() {
		all, _ := io.ReadAll(read)
		log <- string(all)
	}()
	n.await("to have written its log", func() bool { return n.metric("pontoon_log_stuck_seconds") == 0 })
	n.stop()
	if got := <-log; !strings.Contains(got, "the log was not read fast enough: lines were dropped") {
		t.Errorf("the log does not say that lines were dropped:\n%.2000s", got)
	}
}

// floodingStateMachine puts a plugin in the place of kv that writes more to
// standard error than a pipe and a host hold, and then is kv.
func (n *node) floodingStateMachine() {
	n.t.Helper()
	path := filepath.Join(filepath.Dir(n.config), "flood")
	line := strings.Repeat("x", 2000)
	n.write(path, "#!/bin/sh\ni=0\nwhile [ $i -lt 600 ]; do echo "+line+" >&2; i=$((i+1)); done\nexec "+
		hostProgram(n.t)+" plugin-serve statemachine kv\n")
	if err := os.Chmod(path, 0o700); err != nil {
		n.t.Fatal(err)
	}
	n.external(path, sumOf(n.t, path))
}

// fullPipe is the end for writing of a pipe that is full and is not read.
func fullPipe(t testing.TB) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close(); write.Close() })
	if err := write.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := write.Write(make([]byte, 1<<20)); err == nil {
		t.Fatalf("a pipe takes %d bytes", n)
	}
	return write
}

// metric is the value of a metric without labels; -1 if there is none.
func (n *node) metric(name string) float64 {
	n.t.Helper()
	_, body, err := n.get(n.admin, "/metrics")
	found := regexp.MustCompile(`(?m)^` + name + ` (.*)$`).FindStringSubmatch(body)
	if err != nil || found == nil {
		return -1
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		n.t.Fatalf("%s: %v", found[0], err)
	}
	return value
}
