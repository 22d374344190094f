package pluginrpc

import (
	"bytes"
	"compress/gzip"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/gogo/protobuf/proto"
	"github.com/gogo/protobuf/protoc-gen-gogo/descriptor"
	"google.golang.org/protobuf/encoding/protowire"

	_ "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// fieldsOfTomorrow are fields of each wire type that no message of this version has.
func fieldsOfTomorrow() []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1001, protowire.VarintType), 1<<40)
	b = protowire.AppendFixed32(protowire.AppendTag(b, 1002, protowire.Fixed32Type), 7)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 1003, protowire.Fixed64Type), 7)
	return protowire.AppendBytes(protowire.AppendTag(b, 1004, protowire.BytesType), []byte("of tomorrow"))
}

type wireMessage interface {
	proto.Message
	proto.Marshaler
	proto.Unmarshaler
}

// messages are all of the plugin protocol, by their names.
func messages(t *testing.T) map[string]func() wireMessage {
	all := map[string]func() wireMessage{}
	for _, file := range []string{"plugin", "raft", "statemachine", "storage", "transport"} {
		for _, name := range messagesOf(t, "pontoon/plugin/v1/"+file+".proto") {
			kind := proto.MessageType(name)
			if kind == nil {
				t.Fatalf("%s is not registered", name)
			}
			all[name] = func() wireMessage { return reflect.New(kind.Elem()).Interface().(wireMessage) }
		}
	}
	return all
}

// messagesOf are the names of the messages of one .proto file.
func messagesOf(t *testing.T, file string) (names []string) {
	t.Helper()
	zipped := proto.FileDescriptor(file)
	if zipped == nil {
		t.Fatalf("%s is not registered", file)
	}
	r, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var fd descriptor.FileDescriptorProto
	if err := proto.Unmarshal(raw, &fd); err != nil {
		t.Fatal(err)
	}
	for _, m := range fd.MessageType {
		names = append(names, fd.GetPackage()+"."+m.GetName())
	}
	return names
}

// A later version adds fields, values of enums and messages. Each end of this one passes
// over what it does not know, and has all the
// rest.
// Rule P-43.
func TestFieldsOfTomorrowArePassedOver(t *testing.T) {
	all := messages(t)
	if len(all) < 60 {
		t.Errorf("only %d messages are known", len(all))
	}
	for name, empty := range all {
		full := empty()
		fill(reflect.ValueOf(full).Elem(), 0)
		b, err := full.Marshal()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := empty()
		if err := got.Unmarshal(append(fieldsOfTomorrow(), append(b, fieldsOfTomorrow()...)...)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := got.Marshal()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if kept := strings.ReplaceAll(string(again), string(fieldsOfTomorrow()), ""); kept != string(b) {
			t.Errorf("%s: was %x, and is %x", name, b, kept)
		}
	}
}

// fill gives each field a value that is not its zero, and enums one that no version has.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(77)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(78)
	case reflect.String:
		v.SetString("text")
	case reflect.Pointer:
		if depth < 6 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("bytes"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !strings.HasPrefix(f.Name, "XXX_") {
				fill(v.Field(i), depth+1)
			}
		}
	}
}
