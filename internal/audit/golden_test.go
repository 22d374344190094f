package audit

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/access"
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
			`"time":"2026-03-04T05:06:02.000000007Z","member":"a1","name":"n1","op":"dropped","records":9,"refusals":4`,
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
	long := strings.Repeat("\U0001f600", 100_000)
	urls := make([]string, 1000)
	for i := range urls {
		urls[i] = long
	}
	e := encoder{member: "1", name: long, sums: newSummer(Key{})}
	var pos Position
	line := e.line(nil, &Record{
		Op: AddMember, time: at(0), Client: &access.Identity{Name: long, Method: long, Address: long}, Call: 1 << 60,
		Target:  &Target{ID: long, Name: long, PeerURLs: urls, ClientAddress: long},
		Outcome: NotApplied, Reason: long, text: long,
	}, &pos, 0)
	if len(line) > maxLine {
		t.Fatalf("a line of %d bytes", len(line))
	}
	if _, err := ParseLine(line); err != nil {
		t.Fatal(err)
	}
}
