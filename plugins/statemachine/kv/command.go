package kv

import (
	"strconv"

	"github.com/pontoon-raft/pontoon/internal/fields"
)

// Limits on what a command may carry. They are part of what the commands mean:
// changing them needs a way to make all replicas change at the same entry.
const (
	// MaxKeyBytes is the length of the longest key.
	MaxKeyBytes = 4 << 10
	// MaxValueBytes is the length of the longest value. The host's limit on a
	// proposal is normally much lower.
	MaxValueBytes = 64 << 20
	// MaxTTL is the longest time to live, in milliseconds: 100 years.
	MaxTTL = 100 * 365 * 24 * 3600 * 1000
)

// operation is what a command does; the values are the field numbers in
// Command's oneof.
type operation uint8

const (
	opNone operation = iota
	opPut
	opDelete
	opCompareAndSet
)

// command is a Command read in place: its slices alias the entry's data.
type command struct {
	op              operation
	key, end, value []byte
	modRevision     uint64
	ttl             uint64 // in milliseconds; 0 if the key does not expire
}

// decodeCommand reads a Command as proto.Unmarshal would; ok is false if that
// would fail. The last operation of a oneof wins; repeated, it is merged.
func decodeCommand(data []byte) (c command, ok bool) {
	w := fields.Over(data)
	for w.Next() {
		if w.Type() != fields.Bytes || w.Number() > uint32(opCompareAndSet) {
			continue
		}
		if op := operation(w.Number()); c.op != op {
			c = command{op: op}
		}
		if !c.merge(w.Value) {
			return command{}, false
		}
	}
	return c, w.Err() == nil
}

// merge reads the fields of the command's own operation.
func (c *command) merge(body []byte) bool {
	w := fields.Over(body)
	for w.Next() {
		switch {
		case w.Tag == 1<<3|fields.Bytes:
			c.key = w.Value
		case c.op == opPut && w.Tag == 2<<3|fields.Bytes, c.op == opCompareAndSet && w.Tag == 3<<3|fields.Bytes:
			c.value = w.Value
		case c.op == opDelete && w.Tag == 2<<3|fields.Bytes:
			c.end = w.Value
		case c.op == opCompareAndSet && w.Tag == 2<<3|fields.Varint:
			c.modRevision = w.Varint
		case c.op == opPut && w.Tag == 3<<3|fields.Varint, c.op == opCompareAndSet && w.Tag == 4<<3|fields.Varint:
			c.ttl = w.Varint
		}
	}
	return w.Err() == nil
}

// refusal says why the command cannot be accepted by an entry of the given time; empty
// if it can. The text is part of the result and the same on every replica.
func (c *command) refusal(time uint64) string {
	switch {
	case c.op == opNone:
		return "command has no operation"
	case len(c.key) == 0:
		return "key is empty"
	case len(c.key) > MaxKeyBytes:
		return tooLong("key", len(c.key), MaxKeyBytes)
	case len(c.end) > MaxKeyBytes:
		return tooLong("end", len(c.end), MaxKeyBytes)
	case len(c.value) > MaxValueBytes:
		return tooLong("value", len(c.value), MaxValueBytes)
	case c.ttl > MaxTTL:
		return "time to live of " + strconv.FormatUint(c.ttl, 10) + " ms is over the limit of " + strconv.FormatUint(MaxTTL, 10)
	case c.ttl > 0 && time == 0:
		return "no key can expire: the cluster has no time yet"
	}
	return ""
}

func tooLong(what string, n, limit int) string {
	return what + " of " + strconv.Itoa(n) + " bytes is over the limit of " + strconv.Itoa(limit)
}
