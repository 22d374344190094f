package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"

	gogoproto "github.com/gogo/protobuf/proto"
	gogoplugin "github.com/gogo/protobuf/protoc-gen-gogo/plugin"
	"github.com/gogo/protobuf/vanity"
	"github.com/gogo/protobuf/vanity/command"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// nullable is the field number of gogoproto.nullable in FieldOptions.
const nullable = 65001

// pluginWire generates gogofaster messages and grpc services.
func pluginWire(set *descriptors, names []string) (map[string]string, error) {
	raw, err := set.request(names, setValueFields)
	if err != nil {
		return nil, err
	}
	req := &gogoplugin.CodeGeneratorRequest{}
	if err := gogoproto.Unmarshal(raw, req); err != nil {
		return nil, fmt.Errorf("gogo request: %w", err)
	}
	ours := vanity.FilterFiles(req.GetProtoFile(), vanity.NotGoogleProtobufDescriptorProto)
	vanity.ForEachFile(ours, vanity.TurnOnMarshalerAll)
	vanity.ForEachFile(ours, vanity.TurnOnSizerAll)
	vanity.ForEachFile(ours, vanity.TurnOnUnmarshalerAll)
	vanity.ForEachFile(ours, vanity.TurnOffGoUnrecognizedAll)
	vanity.ForEachFile(ours, vanity.TurnOffGoUnkeyedAll)
	vanity.ForEachFile(ours, vanity.TurnOffGoSizecacheAll)
	resp := command.Generate(req)
	if resp.Error != nil {
		return nil, errors.New(resp.GetError())
	}
	files := map[string]string{}
	for _, f := range resp.GetFile() {
		files[f.GetName()] = f.GetContent()
	}
	services, err := run(set, names, "protoc-gen-go-grpc")
	if err != nil {
		return nil, err
	}
	maps.Copy(files, services)
	return files, nil
}

// setValueFields makes every message field a value rather than a pointer, but for an
// optional one and the members of a oneof. These become fields of their own, nil if they
// are not there: an interface would cost an allocation for each chunk, and could not
// show that a sender has set two. The bytes are the same.
func setValueFields(fd *descriptorpb.FileDescriptorProto) {
	for _, m := range fd.GetMessageType() {
		m.OneofDecl = nil
		for _, f := range m.GetField() {
			if f.OneofIndex != nil {
				f.OneofIndex = nil
				continue
			}
			if f.GetType() != descriptorpb.FieldDescriptorProto_TYPE_MESSAGE {
				continue
			}
			if f.Options == nil {
				f.Options = &descriptorpb.FieldOptions{}
			}
			raw := protowire.AppendTag(nil, nullable, protowire.VarintType)
			raw = protowire.AppendVarint(raw, 0)
			f.Options.ProtoReflect().SetUnknown(raw)
		}
	}
}

// clientSide generates google's messages and grpc services.
func clientSide(set *descriptors, names []string) (map[string]string, error) {
	files, err := run(set, names, "protoc-gen-go")
	if err != nil {
		return nil, err
	}
	services, err := run(set, names, "protoc-gen-go-grpc")
	if err != nil {
		return nil, err
	}
	maps.Copy(files, services)
	return files, nil
}

// run drives a protoc plugin that go.mod lists as a tool.
func run(set *descriptors, names []string, tool string) (map[string]string, error) {
	raw, err := set.request(names, func(*descriptorpb.FileDescriptorProto) {})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "tool", tool)
	cmd.Stdin = bytes.NewReader(raw)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tool, err)
	}
	resp := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(out, resp); err != nil {
		return nil, fmt.Errorf("%s: answer: %w", tool, err)
	}
	if resp.Error != nil {
		return nil, fmt.Errorf("%s: %s", tool, resp.GetError())
	}
	files := map[string]string{}
	for _, f := range resp.GetFile() {
		files[f.GetName()] = f.GetContent()
	}
	return files, nil
}
