package pluginrpc

import (
	"slices"
	"unsafe"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/fields"
)

// An element of a message may take two bytes on the wire and hundreds in memory, and a
// number one byte and eight. So what a plugin answers is weighed before it is decoded: the
// elements may take elementRoom, which is more than any message of the default limits has,
// and a few times the bytes of the message besides.
const (
	elementRoom    = 32 << 20
	elementsPerLen = 3
	// weighedFrom is the size below which no message of elements can matter.
	weighedFrom = 64 << 10
)

// weighed is a field that takes memory beside the bytes that it has, or that has such a
// field within.
type weighed struct {
	number uint32
	// size is what one element takes; 0 of a field that is a part of its message.
	size uintptr
	// numbers: the elements are varints. The decoder takes them one to a field, or
	// packed, whichever of the two the .proto file says.
	numbers bool
	within  []weighed
}

func repeatedIn[T any](number uint32) weighed {
	var element T
	return weighed{number: number, size: unsafe.Sizeof(element)}
}

func numbersIn[T uint32 | uint64](number uint32) weighed {
	w := repeatedIn[T](number)
	w.numbers = true
	return w
}

// infosIn is a field of SnapshotInfo, whose members are numbers two messages further in.
func infosIn(number uint32) weighed {
	confState := weighed{number: 1, within: []weighed{
		numbersIn[uint64](1), numbersIn[uint64](2), numbersIn[uint64](3), numbersIn[uint64](4),
	}}
	w := repeatedIn[pluginv1.SnapshotInfo](number)
	w.within = []weighed{{number: 1, within: []weighed{confState}}}
	return w
}

// weighedOf are the fields of a message from a plugin that are weighed. Those of the host's
// own messages are not among them.
func weighedOf(v Message) []weighed {
	switch v.(type) {
	case *pluginv1.DescribeResponse:
		return []weighed{numbersIn[uint32](4), repeatedIn[string](5), repeatedIn[string](7), {number: 9, within: []weighed{numbersIn[uint32](2)}}}
	case *pluginv1.StorageOpenResponse:
		return []weighed{infosIn(2), repeatedIn[pluginv1.TermBoundary](5)}
	case *pluginv1.ReadResponse:
		return []weighed{repeatedIn[pluginv1.Entry](1)}
	case *pluginv1.SaveSnapshotResponse, *pluginv1.OpenSnapshotResponse, *pluginv1.ListSnapshotsResponse:
		return []weighed{infosIn(1)}
	case *pluginv1.StateMachineOpenResponse:
		return []weighed{repeatedIn[pluginv1.CommandClass](2)}
	case *pluginv1.ApplyResponse:
		return []weighed{repeatedIn[pluginv1.ApplyResult](2)}
	case *pluginv1.RaftInbound:
		return []weighed{repeatedIn[pluginv1.Envelope](1), repeatedIn[pluginv1.Event](2)}
	}
	return nil
}

// weigh refuses a message whose elements would take much more memory than its bytes. It
// refuses one that is malformed, too: generated code reads some of those to their ends,
// and what comes after the fault was not weighed.
func weigh(b []byte, v Message) error {
	if len(b) < weighedFrom {
		return nil
	}
	of := weighedOf(v)
	if len(of) == 0 {
		return nil
	}
	taken, err := weight(b, of)
	if err != nil {
		return BadAnswer("%T of %d bytes is malformed: %v", v, len(b), err)
	}
	if most := uint64(elementRoom) + elementsPerLen*uint64(len(b)); taken > most {
		return Breach("P-34", "%T of %d bytes whose elements would take %d, more than %d", v, len(b), taken, most)
	}
	return nil
}

// weight is what the fields of one message would take once they are decoded.
func weight(b []byte, of []weighed) (taken uint64, err error) {
	w := fields.Over(b)
	for w.Next() {
		i := slices.IndexFunc(of, func(f weighed) bool { return f.number == w.Number() })
		if i < 0 {
			continue
		}
		f := of[i]
		elements := uint64(1)
		if f.numbers && w.Type() == fields.Bytes {
			elements = varints(w.Value)
		}
		taken += elements * uint64(f.size)
		if len(f.within) == 0 || w.Type() != fields.Bytes {
			continue
		}
		inside, err := weight(w.Value, f.within)
		if err != nil {
			return 0, err
		}
		taken += inside
	}
	return taken, w.Err()
}

// varints is how many numbers are packed in b: each ends with a byte below 128.
func varints(b []byte) (n uint64) {
	for _, c := range b {
		if c < 128 {
			n++
		}
	}
	return n
}
