//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/internal/audit"
)

// verifyAudit runs "host audit verify" and returns its verdict and its exit code.
func verifyAudit(t *testing.T, place string, more ...string) (v audit.Verdict, code int) {
	t.Helper()
	code, stdout, stderr := result(t, hostCommand(t, append([]string{"audit", "verify", place, "-o", "json"}, more...)...))
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatalf("verify of %s prints %q and %q: %v", place, stdout, stderr, err)
	}
	return v, code
}

// A host that is killed in the middle of writes leaves an audit that is sound, and
// goes on with it: every write that was acknowledged is in it, and so is the change
// of the members. A byte that is changed is found, and so is a cut, by the head
// that the host's log has.
func TestAnAuditOutlivesItsHost(t *testing.T) {
	n := newSingle(t)
	n.settings = []string{"audit.level=writes", "audit.sync=each"}
	n.startReady()
	acknowledged := 0
	for i := range 20 {
		put(t, n, fmt.Sprint("k", i))
		acknowledged++
	}
	n.post(t, "/v1/members/add", `{"member":{"id":"5","name":"n5","peer_urls":["http://127.0.0.1:9"],"client_address":"127.0.0.1:10","learner":true}}`)
	put(t, n, "begun")
	acknowledged++
	done := make(chan int)
	c := n.dial()
	defer c.Close()
	go func() {
		more := 0
		for i := 0; ; i++ {
			if _, err := c.Propose(context.Background(), kv.EncodePut([]byte(fmt.Sprint("l", i)), []byte("v"))); err != nil {
				done <- more
				return
			}
			more++
		}
	}()
	n.await("to write under load", func() bool { return n.metric("pontoon_audit_head") > 60 })
	n.kill()
	acknowledged += <-done

	v, code := verifyAudit(t, n.data)
	if code != 0 || !v.Sound {
		t.Fatalf("after kill -9: exit code %d, %+v", code, v)
	}
	n.startReady()
	put(t, n, "again")
	acknowledged++
	n.stop()
	log, err := os.ReadFile(n.logPath)
	if err != nil {
		t.Fatal(err)
	}
	heads := regexp.MustCompile(`head[=":]+(\d+:[0-9a-f]{64})`).FindAllStringSubmatch(string(log), -1)
	if len(heads) < 3 {
		t.Fatalf("the log has the heads %v", heads)
	}
	last := heads[len(heads)-1][1]
	if v, code = verifyAudit(t, n.data, "--head", last); code != 0 || v.Head != last {
		t.Fatalf("exit code %d with head %s: %+v", code, last, v)
	}

	applied, changes := 0, 0
	file := filepath.Join(n.data, "audit", audit.FileName(1))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for text := range bytes.Lines(whole) {
		l, err := audit.ParseLine(text)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case l.Op == audit.Propose && l.Outcome == audit.Applied && l.Index > 0 && l.Term > 0 && l.Address == "127.0.0.1":
			applied++
		case l.Op == audit.AddMember && l.Outcome == audit.Applied && l.Index > 0 && l.Target.ID == "5":
			changes++
		}
	}
	// The last answers of a host that was killed may have been sent before their
	// records were written.
	if applied < acknowledged-16 || changes != 1 {
		t.Errorf("%d writes and %d changes are recorded, %d and 1 were acknowledged", applied, changes, acknowledged)
	}
	if out := n.run(t, "audit", "tail", n.data, "-n", "2"); strings.Count(out, "\n") != 2 || !strings.Contains(out, "stop") {
		t.Errorf("tail prints %q", out)
	}

	damaged := bytes.Clone(whole)
	damaged[len(whole)/2] ^= 1
	n.write(file, string(damaged))
	line := bytes.Count(whole[:len(whole)/2], []byte("\n")) + 1
	if v, code := verifyAudit(t, n.data); code != exitUnhealthy || v.Bad == nil || v.Bad.Line != line || v.Bad.File != file {
		t.Errorf("a byte of line %d was changed: exit code %d, %+v", line, code, v)
	}
	n.write(file, string(whole[:bytes.LastIndexByte(whole[:len(whole)-1], '\n')+1]))
	if _, code := verifyAudit(t, n.data); code != 0 {
		t.Errorf("without a head a cut at a line's end looks like an end; exit code %d", code)
	}
	if _, code := verifyAudit(t, n.data, "--head", last); code != exitUnhealthy {
		t.Errorf("a cut chain against its head: exit code %d", code)
	}
}
