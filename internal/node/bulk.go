package node

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The memory of an entry has little to do with its size on the wire: two bytes are an
// entry without anything. So messages are bounded in entries, too, before they are
// decoded (law 11), and count where they wait with what they take.
const (
	// entriesField is the number of the entries in a Message of api/plugin/v1.
	entriesField = 7
	// commandOnWire is the least that an entry with a command takes of a message: its data
	// is a header and one byte at least, beside tags, lengths, term and index.
	commandOnWire = 8 + plainOverhead + 1
	// entriesAtOnce is how many entries a message has at most that are smaller than that: the
	// first ones of leaders, and those in the place of changes that raft refused. No more
	// entries than that are sent at a time of what is stable: see limit.
	entriesAtOnce = 1 << 16
	// maxBesideEntries is the most that a message has beside its entries: a membership, or
	// what others than raft say.
	maxBesideEntries = 64 << 10
	// entryMemory is what an entry takes in memory beside its data: an entrySlab, and
	// what points to it.
	entryMemory = 128
)

// checkBulk counts the entries of an encoded message, and refuses one that no member
// sends: of more entries than so many bytes can have, or with too much beside them.
func checkBulk(payload []byte) (entries int, err error) {
	beside := 0
	for rest := payload; len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return 0, fmt.Errorf("malformed message: %w", protowire.ParseError(n))
		}
		rest = rest[n:]
		if number == entriesField {
			entries++
		} else {
			beside += n
		}
	}
	switch most := entriesAtOnce + len(payload)/commandOnWire; {
	case entries > most:
		return 0, invalid("%d entries in %d bytes, at most %d", entries, len(payload), most)
	case beside > maxBesideEntries:
		return 0, invalid("%d bytes beside the entries, at most %d", beside, maxBesideEntries)
	}
	return entries, nil
}

// weight is what a message takes in memory.
func weight(payload []byte, entries int) int { return len(payload) + entries*entryMemory }
