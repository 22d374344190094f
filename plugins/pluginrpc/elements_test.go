package pluginrpc

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/plugins"
)

// answers are all messages that a plugin sends: what the methods of the four services
// return, at once or in streams.
func answers() []Message {
	var out []Message
	for _, client := range []reflect.Type{
		reflect.TypeFor[pluginv1.PluginClient](), reflect.TypeFor[pluginv1.StorageClient](),
		reflect.TypeFor[pluginv1.TransportClient](), reflect.TypeFor[pluginv1.StateMachineClient](),
	} {
		for i := range client.NumMethod() {
			answer := client.Method(i).Type.Out(0)
			for _, receive := range []string{"Recv", "CloseAndRecv"} {
				if m, ok := answer.MethodByName(receive); ok {
					answer = m.Type.Out(0)
				}
			}
			out = append(out, reflect.New(answer.Elem()).Interface().(Message))
		}
	}
	return out
}

// A way leads to a weighed field through the messages that it is in.
type way []weighed

func (w way) field() weighed { return w[len(w)-1] }

func (w way) String() string {
	numbers := make([]string, len(w))
	for i, f := range w {
		numbers[i] = strconv.Itoa(int(f.number))
	}
	return strings.Join(numbers, ".")
}

// ways are those to all weighed fields in of.
func ways(of []weighed, before way) (out []way) {
	for _, f := range of {
		w := append(before[:len(before):len(before)], f)
		if f.size > 0 {
			out = append(out, w)
		}
		out = append(out, ways(f.within, w)...)
	}
	return out
}

// flood is an encoded message with nothing but elements of one field, of the fewest bytes:
// a few more of them than there is room for. It is nil if elements of that field take no
// more than a few times their bytes.
func (w way) flood(element []byte, packed bool) []byte {
	f := w.field()
	times := int(f.size) / len(element)
	if times <= elementsPerLen {
		return nil
	}
	b := bytes.Repeat(element, elementRoom/(times-elementsPerLen)/len(element)*9/8)
	inside := w[:len(w)-1]
	if packed {
		inside = w
	}
	for i := len(inside) - 1; i >= 0; i-- {
		b = append(protowire.AppendVarint(protowire.AppendTag(nil, protowire.Number(inside[i].number), protowire.BytesType), uint64(len(b))), b...)
	}
	return b
}

// A message of elements without anything, or of small numbers, takes many times its bytes
// once it is decoded. It is refused before that, whichever of its fields repeats.
// Rule P-34.
func TestFloodsOfElementsAreRefusedBeforeTheyAreDecoded(t *testing.T) {
	refused := func(w way, element []byte, packed bool, m Message) {
		t.Helper()
		flood := w.flood(element, packed)
		if flood == nil {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Decode(flood, m)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, plugins.ErrBadAnswer) {
			t.Errorf("%T field %s, %d bytes: got %v", m, w, len(flood), err)
		}
		if made := after.TotalAlloc - before.TotalAlloc; made > 1<<20 {
			t.Errorf("%T field %s, %d bytes: %d bytes were allocated", m, w, len(flood), made)
		}
	}
	one := false
	for _, m := range answers() {
		for _, w := range ways(weighedOf(m), nil) {
			tag := byte(w.field().number << 3)
			if !w.field().numbers {
				refused(w, []byte{tag | byte(fields.Bytes), 0}, false, m)
				continue
			}
			refused(w, []byte{1}, true, m)
			if !one && w.field().size == 8 { // a flood of many bytes, and all are weighed alike
				one = true
				refused(w, []byte{tag | byte(fields.Varint), 1}, false, m)
			}
		}
	}
}

// Generated code passes over fields whose numbers no message can have. A walk does not, so
// what comes after one would not be weighed: it is refused.
func TestAFloodAfterAFaultIsRefused(t *testing.T) {
	fault := protowire.AppendVarint(protowire.AppendVarint(nil, uint64(protowire.MaxValidNumber+1)<<3), 1)
	var m pluginv1.ListSnapshotsResponse
	if err := m.Unmarshal(fault); err != nil {
		t.Fatalf("generated code takes it no more: %v", err)
	}
	flood := append(fault, bytes.Repeat([]byte{1<<3 | byte(fields.Bytes), 0}, weighedFrom)...)
	if err := Decode(flood, &m); !errors.Is(err, plugins.ErrBadAnswer) || len(m.Snapshots) > 0 {
		t.Errorf("%d snapshots, %v", len(m.Snapshots), err)
	}
}

// Each field of each answer that repeats is weighed with what an element of it takes in
// memory, however many messages it is inside of.
func TestEachRepeatedFieldIsWeighed(t *testing.T) {
	for _, m := range answers() {
		weighs := map[string]weighed{}
		for _, w := range ways(weighedOf(m), nil) {
			weighs[w.String()] = w.field()
		}
		eachField(reflect.TypeOf(m).Elem(), "", func(number string, f reflect.StructField) {
			if f.Type.Kind() != reflect.Slice || f.Type.Elem().Kind() == reflect.Uint8 {
				return
			}
			kind := f.Type.Elem().Kind()
			numbers := kind == reflect.Uint32 || kind == reflect.Uint64
			if w := weighs[number]; w.size != f.Type.Elem().Size() || w.numbers != numbers {
				t.Errorf("%T: field %s (%s) is weighed as %+v", m, number, f.Name, w)
			}
		})
	}
}

// eachField visits the fields of a message, those of the messages in it, and those of each
// part that it may have.
func eachField(of reflect.Type, before string, visit func(number string, f reflect.StructField)) {
	visitField := func(f reflect.StructField) {
		tag := strings.Split(f.Tag.Get("protobuf"), ",")
		if len(tag) < 2 {
			return
		}
		number := before + tag[1]
		visit(number, f)
		inner := f.Type
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			eachField(inner, number+".", visit)
		}
	}
	for i := range of.NumField() {
		visitField(of.Field(i))
	}
	if parts, ok := reflect.New(of).Interface().(interface{ XXX_OneofWrappers() []any }); ok {
		for _, part := range parts.XXX_OneofWrappers() {
			visitField(reflect.TypeOf(part).Elem().Field(0))
		}
	}
}

// As many elements as a message of the default limits can have are taken.
// Rule P-34.
func TestAnswersOfTheDefaultLimitsAreTaken(t *testing.T) {
	var terms pluginv1.StorageOpenResponse
	for i := range 250_000 {
		terms.Terms = append(terms.Terms, pluginv1.TermBoundary{Index: uint64(i), Term: uint64(i)})
	}
	for id := range uint64(10_000) {
		info := pluginv1.SnapshotInfo{}
		info.Metadata.ConfState.Voters = []uint64{id, id + 1, id + 2}
		terms.Snapshots = append(terms.Snapshots, info)
	}
	b, err := terms.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var got pluginv1.StorageOpenResponse
	if err := Decode(b, &got); err != nil || len(got.Terms) != len(terms.Terms) || len(got.Snapshots) != len(terms.Snapshots) {
		t.Errorf("%d of %d terms and %d of %d snapshots in %d bytes: %v",
			len(got.Terms), len(terms.Terms), len(got.Snapshots), len(terms.Snapshots), len(b), err)
	}
}

// The page promises that so many elements are taken, each of up to so many bytes. Rule P-34.
func TestElementsAreAsSmallAsThePageSays(t *testing.T) {
	var smaller func(of []weighed)
	smaller = func(of []weighed) {
		for _, f := range of {
			if f.size > ElementBytes {
				t.Errorf("an element of field %d takes %d bytes", f.number, f.size)
			}
			smaller(f.within)
		}
	}
	for _, m := range []Message{
		&pluginv1.DescribeResponse{}, &pluginv1.StorageOpenResponse{}, &pluginv1.ReadResponse{}, &pluginv1.ListSnapshotsResponse{},
		&pluginv1.StateMachineOpenResponse{}, &pluginv1.ApplyResponse{}, &pluginv1.RaftInbound{},
	} {
		smaller(weighedOf(m))
	}
	if ElementsTaken*ElementBytes > elementRoom {
		t.Errorf("%d elements take more than %d bytes", ElementsTaken, elementRoom)
	}
}
