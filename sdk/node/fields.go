package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/pontoon-raft/pontoon/sdk/wire"
)

// Flags of a field in its row of the table.
const (
	repeated = 1 << iota
	present  // a member of a oneof, or optional: absent is another thing than empty
)

// inPackage is before the name of each message of the protocol.
const inPackage = ".pontoon.plugin.v1."

// opaque is the message that plugins carry as bytes, and do not read.
const opaque = "Message"

// scalars are the types that the runtime's codec knows, by those of protobuf. An enumeration
// is a number there.
var scalars = map[descriptorpb.FieldDescriptorProto_Type]string{
	descriptorpb.FieldDescriptorProto_TYPE_UINT64:  "uint64",
	descriptorpb.FieldDescriptorProto_TYPE_UINT32:  "uint32",
	descriptorpb.FieldDescriptorProto_TYPE_ENUM:    "uint32",
	descriptorpb.FieldDescriptorProto_TYPE_BOOL:    "bool",
	descriptorpb.FieldDescriptorProto_TYPE_FIXED32: "fixed32",
	descriptorpb.FieldDescriptorProto_TYPE_BYTES:   "bytes",
	descriptorpb.FieldDescriptorProto_TYPE_STRING:  "string",
}

// fieldTable is a JSON object with a list of rows for each message. It has a line for each,
// so that a change of the protocol is a change of few lines in the folders of authors.
func fieldTable() ([]byte, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(wire.Descriptors(), &set); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	before := "{\n"
	for _, file := range set.File {
		for _, message := range file.MessageType {
			if message.GetName() == opaque {
				continue
			}
			rows, err := rowsOf(message)
			if err != nil {
				return nil, err
			}
			text, err := json.Marshal(rows)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&out, "%s  %q: %s", before, message.GetName(), text)
			before = ",\n"
		}
	}
	out.WriteString("\n}\n")
	return out.Bytes(), nil
}

func rowsOf(message *descriptorpb.DescriptorProto) ([][]any, error) {
	if len(message.NestedType) > 0 {
		return nil, fmt.Errorf("the message %s has others inside, which the runtime for Node does not know", message.GetName())
	}
	rows := [][]any{}
	for _, f := range message.Field {
		name, ok := scalars[f.GetType()]
		if f.GetType() == descriptorpb.FieldDescriptorProto_TYPE_MESSAGE {
			name, ok = strings.TrimPrefix(f.GetTypeName(), inPackage), true
		}
		if !ok {
			return nil, fmt.Errorf("the field %s.%s has the type %v, which the runtime for Node does not know", message.GetName(), f.GetName(), f.GetType())
		}
		rows = append(rows, []any{f.GetNumber(), f.GetJsonName(), name, flagsOf(f)})
	}
	return rows, nil
}

func flagsOf(f *descriptorpb.FieldDescriptorProto) (flags int) {
	if f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED {
		flags |= repeated
	}
	if f.OneofIndex != nil {
		flags |= present
	}
	return flags
}
