package kv

import (
	"time"

	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/internal/fields"
)

// EncodePut returns the command that sets key to value. A key of no bytes, or
// of more than 4 KiB, is refused by the state machine.
//
// It is most of what clients send, and written by hand: in a fifth of the time,
// and without what a message and its parts are made of.
func EncodePut(key, value []byte) []byte {
	const put, keyField, valueField = 1, 1, 2
	size := fields.SizeBytes(len(key)) + fields.SizeBytes(len(value))
	data := make([]byte, 0, fields.SizeLength(size)+size)
	data = fields.AppendLength(data, put, size)
	data = fields.AppendBytes(data, keyField, key)
	return fields.AppendBytes(data, valueField, value)
}

// EncodeDelete returns the command that deletes key.
func EncodeDelete(key []byte) []byte { return EncodeDeleteRange(key, nil) }

// EncodeDeleteRange returns the command that deletes all keys in [key, end), or
// key alone if end is empty. With an end that is not after key, nothing is
// deleted. See PrefixEnd.
func EncodeDeleteRange(key, end []byte) []byte {
	return encode(&kvv1.Command{Op: &kvv1.Command_Delete{Delete: &kvv1.Delete{Key: key, End: end}}})
}

// EncodeCompareAndSet returns the command that sets key to value if its last
// write was at modRevision; 0 means that there must be no such key.
func EncodeCompareAndSet(key []byte, modRevision uint64, value []byte) []byte {
	return EncodeCompareAndSetTTL(key, modRevision, value, 0)
}

// EncodePutTTL is EncodePut of a key that expires: so much after the time that the entry
// of the command gets (docs/plugins/statemachine.md#time), rounded up to milliseconds,
// with the next entry after that or within moments. A key with a ttl of 0 or less does
// not expire. The state machine refuses a ttl while the cluster has no time, and one of
// more than 100 years. EncodePut of the same key later takes the ttl away.
func EncodePutTTL(key, value []byte, ttl time.Duration) []byte {
	return encode(&kvv1.Command{Op: &kvv1.Command_Put{Put: &kvv1.Put{Key: key, Value: value, TtlMs: milliseconds(ttl)}}})
}

// EncodeCompareAndSetTTL is EncodeCompareAndSet with a ttl as that of EncodePutTTL.
func EncodeCompareAndSetTTL(key []byte, modRevision uint64, value []byte, ttl time.Duration) []byte {
	return encode(&kvv1.Command{Op: &kvv1.Command_CompareAndSet{
		CompareAndSet: &kvv1.CompareAndSet{Key: key, ModRevision: modRevision, Value: value, TtlMs: milliseconds(ttl)},
	}})
}

// milliseconds rounds up: what is to live at all does not live for ever.
func milliseconds(ttl time.Duration) uint64 {
	if ttl <= 0 {
		return 0
	}
	return uint64((ttl-1)/time.Millisecond) + 1
}

// EncodeGet returns the query for one key. Its page has that key or none.
func EncodeGet(key []byte) []byte {
	return encode(&kvv1.Query{Op: &kvv1.Query_Get{Get: &kvv1.Get{Key: key}}})
}

// Range says which keys a query is about.
type Range struct {
	// Key and End are the bounds: [Key, End). An empty Key is the start of the
	// store, an empty End its end.
	Key, End []byte
	// Limit is the most keys to return; 0 leaves it to the bound on the
	// answer's size.
	Limit uint32
	// KeysOnly leaves the values out.
	KeysOnly bool
}

// EncodeRange returns the query for a range of keys in order.
func EncodeRange(r Range) []byte {
	return encode(&kvv1.Query{Op: &kvv1.Query_Range{
		Range: &kvv1.Range{Key: r.Key, End: r.End, Limit: r.Limit, KeysOnly: r.KeysOnly},
	}})
}

// PrefixEnd returns the end of the range of all keys that begin with prefix:
// the first key after them, or nil if there is none, which as the End of a
// Range is the end of the store. For EncodeDeleteRange nil is not an end:
// delete to a key after the last one.
func PrefixEnd(prefix []byte) []byte {
	for n := len(prefix); n > 0; n-- {
		if last := prefix[n-1]; last < 0xff {
			end := append([]byte(nil), prefix[:n]...)
			end[n-1]++
			return end
		}
	}
	return nil
}

// encode cannot fail: the messages have neither strings nor required fields.
func encode(m proto.Message) []byte {
	data, _ := proto.Marshal(m)
	return data
}
