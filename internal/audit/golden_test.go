package audit

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/memberform"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// The lines of docs/formats/audit.md, to the byte: files are read by programs of
// others, and their sums are of bytes.
func TestLinesAreAsDocumented(t *testing.T) {
	e := encoder{member: "a1", name: "n1", sums: newSummer(Key{})}
	app := &access.Identity{Name: "app", Method: "certificate", Address: "192.0.2.7"}
	evil := &access.Identity{Name: "a\"\x1b[2J\u202e\U0001f600\xff", Method: "token", Address: "2001:db8::1"}
	records := []Record{
		{
			Op: Propose, Client: app, Call: 7, ID: 12, InStream: true, HasData: true, Bytes: 3, Digest: sha256.Sum256([]byte("abc")),
			Outcome: Applied, Index: 5, Term: 2,
		},
		{
			Op: AddMember, Client: evil, Call: 8,
			Target:  &Target{ID: "b2", Name: "n2", PeerURLs: []string{"http://h:1", "quic://h:2"}, ClientAddress: "h:3", Learner: true, Force: true},
			Outcome: NotApplied, Reason: "change_pending",
		},
		{Op: PluginLines, Client: app, Call: 9, Target: &Target{Plugin: "transport(quic)"}, Outcome: Answered},
		{Op: opDropped, count: 9, spared: 4},
	}
	want := []string{
		`{"n":1,"prev":"0000000000000000000000000000000000000000000000000000000000000000","durable":0,` +
			`"time":"2026-03-04T05:06:00.000000007Z","member":"a1","name":"n1","op":"propose",` +
			`"address":"192.0.2.7","client":"app","method":"certificate","request":"7.12",` +
			`"bytes":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",` +
			`"outcome":"applied","index":5,"term":2`,
		`{"n":2,"prev":"SUM","durable":0,` +
			`"time":"2026-03-04T05:06:01.000000007Z","member":"a1","name":"n1","op":"add_member",` +
			`"address":"2001:db8::1","client":"a\"\u001b[2J\u202e\ud83d\ude00\ufffd","method":"token","request":"8",` +
			`"target":{"id":"b2","name":"n2","peer_urls":["http://h:1","quic://h:2"],"client_address":"h:3","learner":true,"force":true},` +
			`"outcome":"not_applied","reason":"change_pending"`,
		`{"n":3,"prev":"SUM","durable":0,` +
			`"time":"2026-03-04T05:06:02.000000007Z","member":"a1","name":"n1","op":"plugin_lines",` +
			`"address":"192.0.2.7","client":"app","method":"certificate","request":"9",` +
			`"target":{"id":"","plugin":"transport(quic)"},` +
			`"outcome":"answered"`,
		`{"n":4,"prev":"SUM","durable":0,` +
			`"time":"2026-03-04T05:06:03.000000007Z","member":"a1","name":"n1","op":"dropped","records":9,"refusals":4`,
	}
	var pos Position
	for i, r := range records {
		r.time = at(i)
		before := fmt.Sprintf("%x", pos.Sum)
		line := string(e.line(nil, &r, &pos, 0))
		summed := strings.Replace(want[i], "SUM", before, 1)
		full := fmt.Sprintf("%s,\"sum\":\"%x\"}\n", summed, sha256.Sum256([]byte(summed)))
		if line != full {
			t.Errorf("record %d is\n%s, not\n%s", i+1, line, full)
		}
		if _, ok := parseLinks([]byte(strings.TrimSuffix(line, "\n"))); !ok {
			t.Errorf("record %d is not read", i+1)
		}
	}
}

// Texts of clients are long when a client wants to do harm. No line is longer than
// what a reader takes.
func TestNoLineIsTooLong(t *testing.T) {
	for _, long := range []string{strings.Repeat("\U0001f600", 100_000), strings.Repeat("\x01", 100_000), strings.Repeat("\xff", 100_000)} {
		testLineOf(t, long)
	}
}

func testLineOf(t *testing.T, long string) {
	t.Helper()
	urls := make([]string, 1000)
	for i := range urls {
		urls[i] = long
	}
	e := encoder{member: "1", name: long, sums: newSummer(Key{})}
	var pos Position
	record := Record{
		Op: AddMember, time: at(0), Client: &access.Identity{Name: long, Method: long, Address: long, Token: long}, Call: 1 << 60,
		Target:  &Target{ID: long, Name: long, PeerURLs: urls, ClientAddress: long},
		Outcome: NotApplied, Reason: long, text: long,
	}
	line := e.line(nil, &record, &pos, 0)
	if len(line) > maxLine {
		t.Fatalf("a line of %d bytes", len(line))
	}
	if _, err := ParseLine(line); err != nil {
		t.Fatal(err)
	}
}

// A record that waits takes no more memory than its line, whatever its client has sent,
// and is written as if it had not been cut: a disk that stands still does not fill the
// memory of the host with texts.
func TestTextsThatWaitAreBounded(t *testing.T) {
	for _, long := range []string{strings.Repeat("\U0001f600", 1<<18), "a" + strings.Repeat("\U0001f600", 1<<18), strings.Repeat("x", 1<<20)} {
		r := Record{Op: AddMember, Target: &Target{ID: long, Name: long, PeerURLs: slices.Repeat([]string{long}, 100), ClientAddress: long}, Outcome: NotApplied}
		l, err := New(tabled(Options{Level: Changes, FS: vfs.NewMem()}))
		if err != nil {
			t.Fatal(err)
		}
		for range queueRecords {
			l.queue.second = 0 // each is of another second
			l.End(r)
		}
		held := 0
		for i := range l.queue.items {
			held += l.queue.items[i].memory()
		}
		if held > queueBytes || held < queueBytes/2 || l.queue.items[0].memory() > 32<<10 {
			t.Errorf("%d bytes wait, %d of one record", held, l.queue.items[0].memory())
		}
		if got := l.Dropped() + uint64(len(l.queue.items)); got != queueRecords {
			t.Errorf("%d records wait or are counted", got)
		}
		e := encoder{member: "1", sums: newSummer(Key{})}
		var a, b Position
		cut := l.queue.items[0]
		cut.time = time.Time{}
		if whole, part := e.line(nil, &r, &a, 0), e.line(nil, &cut, &b, 0); !bytes.Equal(whole, part) {
			t.Errorf("a record that waited is written as\n%.300s, want\n%.300s", part, whole)
		}
		l.queue.take(nil)
		if l.queue.bytes != 0 {
			t.Errorf("%d bytes count of nothing", l.queue.bytes)
		}
	}
}

// A change that was applied is recorded whole, however long the texts of its member are.
func TestAMemberIsRecordedWhole(t *testing.T) {
	if maxURLs < memberform.MostURLs || maxText < memberform.MostAddress {
		t.Fatalf("%d texts of %d bytes are recorded, a member may have %d of %d", maxURLs, maxText, memberform.MostURLs, memberform.MostAddress)
	}
	m := &Target{ID: "2", Name: "n2", ClientAddress: "n2:1"}
	for i := range memberform.MostURLs {
		m.PeerURLs = append(m.PeerURLs, fmt.Sprintf("http://%0*d:1", memberform.MostAddress-len("http://:1"), i))
	}
	e := encoder{member: "1", sums: newSummer(Key{})}
	var pos Position
	record := Record{Op: AddMember, Target: m, Outcome: Applied}.bounded()
	l, err := ParseLine(e.line(nil, &record, &pos, 0))
	if err != nil || !slices.Equal(l.Target.PeerURLs, m.PeerURLs) {
		t.Errorf("of %d URLs %d are recorded as they are: %v", len(m.PeerURLs), len(l.Target.PeerURLs), err)
	}
}
