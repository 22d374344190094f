package pluginrpc

import (
	"unsafe"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/fields"
)

// An element of a message may take two bytes on the wire and hundreds in memory. So
// what a plugin answers is weighed before it is decoded: the elements may take
// elementRoom, which is more than any message of the default limits has, and a few
// times the bytes of the message besides.
const (
	elementRoom    = 32 << 20
	elementsPerLen = 3
	// weighedFrom is the size below which no message of elements can matter.
	weighedFrom = 64 << 10
)

// repeated is a field whose elements take memory of their own: its tag, and what each
// element takes beside the bytes that it has.
type repeated struct {
	tag  uint32
	size uintptr
}

func repeatedIn[T any](number uint32) repeated {
	var element T
	return repeated{number<<3 | fields.Bytes, unsafe.Sizeof(element)}
}

// repeatedOf are the fields of a message from a plugin that repeat. Those of the host's
// own messages are not among them.
func repeatedOf(v Message) []repeated {
	switch v.(type) {
	case *pluginv1.DescribeResponse:
		return []repeated{repeatedIn[string](5)}
	case *pluginv1.StorageOpenResponse:
		return []repeated{repeatedIn[pluginv1.SnapshotInfo](2), repeatedIn[pluginv1.TermBoundary](5)}
	case *pluginv1.ReadResponse:
		return []repeated{repeatedIn[pluginv1.Entry](1)}
	case *pluginv1.ListSnapshotsResponse:
		return []repeated{repeatedIn[pluginv1.SnapshotInfo](1)}
	case *pluginv1.StateMachineOpenResponse:
		return []repeated{repeatedIn[pluginv1.CommandClass](2)}
	case *pluginv1.ApplyResponse:
		return []repeated{repeatedIn[pluginv1.ApplyResult](2)}
	case *pluginv1.RaftInbound:
		return []repeated{repeatedIn[pluginv1.Envelope](1), repeatedIn[pluginv1.Event](2)}
	}
	return nil
}

// weigh refuses a message whose elements would take much more memory than its bytes.
func weigh(b []byte, v Message) error {
	if len(b) < weighedFrom {
		return nil
	}
	of := repeatedOf(v)
	if len(of) == 0 {
		return nil
	}
	most, taken := uint64(elementRoom)+elementsPerLen*uint64(len(b)), uint64(0)
	for w := fields.Over(b); w.Next(); {
		for _, r := range of {
			if w.Tag == r.tag {
				taken += uint64(r.size)
			}
		}
		if taken > most {
			return BadAnswer("%T of %d bytes whose elements would take more than %d", v, len(b), most)
		}
	}
	return nil // malformed bytes are for the decoder
}
