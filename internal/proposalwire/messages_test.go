package proposalwire_test

import (
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/internal/proposalwire"
)

// The bytes of both messages as hosts and clients of all versions read and write
// them. A change here is a change of the wire.
func TestTheBytesOfTheMessages(t *testing.T) {
	proposals := []proposalwire.Proposal{
		{ID: 1 << 40, Data: []byte("abc"), TimeoutMs: 5000},
		{},
	}
	want := "0a0f" + "08808080808020" + "1203616263" + "188827" + "0a00"
	var b []byte
	for _, p := range proposals {
		b = p.AppendTo(b)
	}
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("proposals are %s, want %s", got, want)
	}
	var back []proposalwire.Proposal
	for w := fields.Over(b); proposalwire.NextElement(&w); {
		p, err := proposalwire.DecodeProposal(w.Value)
		if err != nil {
			t.Fatal(err)
		}
		back = append(back, p)
	}
	if !reflect.DeepEqual(back, proposals) {
		t.Errorf("proposals came back as %+v", back)
	}

	results := []proposalwire.Result{
		{ID: 7, Responded: true, Response: proposalwire.Response{Index: 300, Data: []byte("xy"), Error: "no", Lost: true}},
		{ID: 8, Failure: []byte("\x08\x01")},
		{Responded: true},
		{Failure: []byte{}},
	}
	want = "0a11" + "0807" + "120d" + "08ac02" + "12027879" + "1a026e6f" + "2001" +
		"0a06" + "0808" + "1a020801" + "0a02" + "1200" + "0a02" + "1a00"
	b = nil
	for i := range results {
		before := len(b)
		b = results[i].AppendTo(b)
		if n := len(b) - before; n != fields.SizeLength(results[i].Size())+results[i].Size() {
			t.Errorf("result %d takes %d bytes, said to be %d", i, n, results[i].Size())
		}
	}
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("results are %s, want %s", got, want)
	}
	var results2 []proposalwire.Result
	for w := fields.Over(b); proposalwire.NextElement(&w); {
		r, err := proposalwire.DecodeResult(w.Value)
		if err != nil {
			t.Fatal(err)
		}
		results2 = append(results2, r)
	}
	if !reflect.DeepEqual(results2, results) {
		t.Errorf("results came back as %+v", results2)
	}
}

// A client does what comes of a failure in two parts only if each is a message.
func TestAFailureComesInPartsThatAreMessages(t *testing.T) {
	r, err := proposalwire.DecodeResult([]byte("\x1a\x02\x08\x01\x1a\x02\x08\x02"))
	if err != nil || string(r.Failure) != "\x08\x01\x08\x02" {
		t.Errorf("two parts are %x, %v", r.Failure, err)
	}
	if _, err := proposalwire.DecodeResult([]byte("\x1a\x01\x08\x1a\x01\x01")); err == nil {
		t.Error("a message that was torn between two parts was accepted")
	}
}

// The host may append to the data of one proposal without a change of the next.
func TestTheDataOfAProposalEndWithIt(t *testing.T) {
	b := proposalwire.Proposal{Data: []byte("one"), TimeoutMs: 1}.AppendTo(nil)
	w := fields.Over(b)
	proposalwire.NextElement(&w)
	p, err := proposalwire.DecodeProposal(w.Value)
	if err != nil || cap(p.Data) != len(p.Data) {
		t.Errorf("data of %d bytes with room for %d, %v", len(p.Data), cap(p.Data), err)
	}
}
