package httptransport

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// sequenceKinds counts what sequences have.
type sequenceKinds struct{ terms, gaps, empty, large int }

// sequence is what leaders may send on one stream, one leader after the other: terms
// that change, gaps, appends without entries, and with large ones if it may have such.
func (k *sequenceKinds) sequence(random *rand.Rand, large bool) (all []pluginv1.Message) {
	term, index := random.Uint64N(4), random.Uint64N(4)
	for range 1 + random.IntN(12) {
		if random.IntN(5) == 0 {
			term++
			k.terms++
		}
		if random.IntN(5) == 0 {
			index += 7
			k.gaps++
		}
		m := pluginv1.Message{
			Type: raftmsg.TypeApp, From: testLink.From, To: testLink.To, Term: term, LogTerm: term, Index: index, Commit: random.Uint64N(6),
		}
		if random.IntN(4) == 0 {
			m.LogTerm -= min(term, 1)
		}
		for range random.IntN(4) {
			size := random.IntN(300)
			if large && random.IntN(8) == 0 {
				size = 3 << 20
				k.large++
			}
			index++
			data := make([]byte, size)
			_, _ = rand.NewChaCha8([32]byte{byte(index), byte(term)}).Read(data)
			m.Entries = append(m.Entries, pluginv1.Entry{Term: term, Index: index, Data: data})
		}
		if len(m.Entries) == 0 {
			k.empty++
		}
		all = append(all, m)
	}
	return all
}

// B4: ten thousand random sequences of appends, with changes of the leader, gaps, appends
// without entries and entries of 3 MiB, come out as they went in, each message of them
// and in their order.
func TestB4TenThousandSequencesAreKept(t *testing.T) {
	const sequences, largeEach, limit = 10_000, 200, 32 << 20
	random := rand.New(rand.NewPCG(10_000, 4))
	var seen sequenceKinds
	var wire bytes.Buffer
	for i := range sequences {
		sent := seen.sequence(random, i%largeEach == 0)
		encoder := &msgappEncoder{link: testLink}
		wire.Reset()
		for _, m := range sent {
			wire.Write(frame(t, encoder, encode(t, m)))
		}
		decoder := &msgappDecoder{r: bufio.NewReaderSize(&wire, readBufferBytes), link: testLink, limit: limit}
		for k := range sent {
			payload, _, err := decoder.next()
			if err != nil {
				t.Fatalf("sequence %d, message %d: %v", i, k, err)
			}
			var got pluginv1.Message
			if err := got.Unmarshal(payload); err != nil || !bytes.Equal(encode(t, got), encode(t, sent[k])) {
				t.Fatalf("sequence %d, message %d of %d entries is another one: %v", i, k, len(sent[k].Entries), err)
			}
		}
		if _, _, err := decoder.next(); err == nil {
			t.Fatalf("sequence %d has a message too many", i)
		}
	}
	if min(seen.terms, seen.gaps, seen.empty) < sequences || seen.large < 50 {
		t.Errorf("the sequences have too little of something: %+v", seen)
	}
}
