// Package kvtest is the kv state machine's side of the conformance kit, for all
// lanes on which it is run.
package kvtest

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// Harness returns the harness of a kv state machine that is made and reached by
// create.
func Harness(create func(testing.TB) statemachine.StateMachine) statemachinetest.Harness {
	return statemachinetest.Harness{
		New:     create,
		Command: command,
		Config:  []byte("max_answer_bytes: 65536\n"),
		Refused: refused(),
		Observe: observe,
		Waiting: func() []byte {
			return Encode(&kvv1.Command{Op: &kvv1.Command_Put{Put: &kvv1.Put{Key: []byte("waiting"), Value: []byte("1"), TtlMs: 1000}}})
		},
		Stream:      func() []byte { return Encode(&kvv1.Query{Op: &kvv1.Query_Range{Range: &kvv1.Range{}}}) },
		BadQueries:  badQueries(),
		Sized:       sized,
		Checksummed: true,
	}
}

// command is a series that writes, overwrites, compares and deletes.
func command(i int) []byte {
	key := fmt.Appendf(nil, "key/%03d", i*7919%211)
	value := bytes.Repeat(strconv.AppendInt(nil, int64(i), 10), 8)
	switch {
	case i%10 == 9: // deletes at least what the command before it wrote
		last := fmt.Appendf(nil, "key/%03d", (i-1)*7919%211)
		return Encode(&kvv1.Command{Op: &kvv1.Command_Delete{Delete: &kvv1.Delete{Key: last, End: append(last, 'z')}}})
	case i%10 == 4: // a key that no other command has
		return Encode(&kvv1.Command{Op: &kvv1.Command_CompareAndSet{
			CompareAndSet: &kvv1.CompareAndSet{Key: fmt.Appendf(nil, "new/%d", i), Value: value},
		}})
	}
	return Encode(&kvv1.Command{Op: &kvv1.Command_Put{Put: &kvv1.Put{Key: key, Value: value}}})
}

// refused lists what Apply answers with Result.Error.
func refused() []statemachinetest.Refusal {
	long := make([]byte, kv.MaxKeyBytes+1)
	return []statemachinetest.Refusal{
		{Name: "no bytes", Data: nil},
		{Name: "garbage", Data: []byte("\xff\xff\xffgarbage")},
		{Name: "truncated", Data: command(0)[:5]},
		{Name: "no operation", Data: []byte{0x20, 0x01}},
		{Name: "put without a key", Data: Encode(&kvv1.Command{Op: &kvv1.Command_Put{Put: &kvv1.Put{Value: []byte("v")}}})},
		{Name: "put with a long key", Data: Encode(&kvv1.Command{Op: &kvv1.Command_Put{Put: &kvv1.Put{Key: long}}})},
		{Name: "delete without a key", Data: Encode(&kvv1.Command{Op: &kvv1.Command_Delete{Delete: &kvv1.Delete{}}})},
		{Name: "delete to a long end", Data: Encode(&kvv1.Command{Op: &kvv1.Command_Delete{Delete: &kvv1.Delete{Key: []byte("k"), End: long}}})},
		{Name: "compare and set without a key", Data: Encode(&kvv1.Command{Op: &kvv1.Command_CompareAndSet{CompareAndSet: &kvv1.CompareAndSet{}}})},
	}
}

// observe reads the revision and the first keys.
func observe(ctx context.Context, sm statemachine.StateMachine) (string, error) {
	raw, err := sm.Query(ctx, Encode(&kvv1.Query{Op: &kvv1.Query_Range{Range: &kvv1.Range{Limit: 50}}}))
	if err != nil {
		return "", err
	}
	var answer kvv1.QueryResult
	if err := proto.Unmarshal(raw, &answer); err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "revision %d, more %t:", answer.Revision, answer.More)
	for _, kv := range answer.Kvs {
		fmt.Fprintf(&text, " %q=%q (%d %d %d)", kv.Key, kv.Value, kv.CreateRevision, kv.ModRevision, kv.Version)
	}
	return text.String(), nil
}

func badQueries() [][]byte {
	return [][]byte{
		nil,
		[]byte("\xff\xff\xffgarbage"),
		Encode(&kvv1.Query{Op: &kvv1.Query_Get{Get: &kvv1.Get{}}}),
	}
}

// sized is a put of exactly n bytes.
func sized(n int) []byte {
	put := &kvv1.Put{Key: []byte("sized"), Value: make([]byte, n)}
	cmd := &kvv1.Command{Op: &kvv1.Command_Put{Put: put}}
	for proto.Size(cmd) > n {
		put.Value = put.Value[:len(put.Value)-1]
	}
	if proto.Size(cmd) < n { // one of the lengths got a byte shorter just here
		panic(fmt.Sprintf("there is no put of exactly %d bytes", n))
	}
	return Encode(cmd)
}

// Encode marshals a message that a test has made.
func Encode(m proto.Message) []byte {
	data, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return data
}
