package main

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/descriptorpb"
)

// record is all of the wire that its two ends must agree on, a line for each field,
// value of an enum and method, in order. Comments and the names of types alone are not
// in it: nothing on the wire has them.
func (d *descriptors) record() (lines []string) {
	for _, fd := range d.files {
		if !slices.Contains(d.names, fd.GetName()) {
			continue
		}
		scope := fd.GetPackage() + "."
		for _, m := range fd.GetMessageType() {
			lines = append(lines, messageLines(scope, m)...)
		}
		for _, e := range fd.GetEnumType() {
			lines = append(lines, enumLines(scope, e)...)
		}
		for _, s := range fd.GetService() {
			lines = append(lines, serviceLines(scope, s)...)
		}
	}
	slices.Sort(lines)
	return lines
}

func messageLines(scope string, m *descriptorpb.DescriptorProto) (lines []string) {
	name := scope + m.GetName()
	for _, f := range m.GetField() {
		lines = append(lines, fmt.Sprintf("%s.%s = %d %s", name, f.GetName(), f.GetNumber(), fieldType(m, f)))
	}
	for _, nested := range m.GetNestedType() {
		lines = append(lines, messageLines(name+".", nested)...)
	}
	for _, e := range m.GetEnumType() {
		lines = append(lines, enumLines(name+".", e)...)
	}
	return lines
}

// fieldType is the type of a field with its label, and the oneof that it is a part of.
func fieldType(m *descriptorpb.DescriptorProto, f *descriptorpb.FieldDescriptorProto) string {
	t := strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
	if named := f.GetTypeName(); named != "" {
		t = strings.TrimPrefix(named, ".")
	}
	switch {
	case f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED:
		return "repeated " + t
	case f.GetProto3Optional():
		return "optional " + t
	case f.OneofIndex != nil:
		return t + " of " + m.GetOneofDecl()[f.GetOneofIndex()].GetName()
	}
	return t
}

func enumLines(scope string, e *descriptorpb.EnumDescriptorProto) (lines []string) {
	for _, v := range e.GetValue() {
		lines = append(lines, fmt.Sprintf("%s%s.%s = %d", scope, e.GetName(), v.GetName(), v.GetNumber()))
	}
	return lines
}

func serviceLines(scope string, s *descriptorpb.ServiceDescriptorProto) (lines []string) {
	side := func(stream bool, message string) string {
		if stream {
			return "stream " + strings.TrimPrefix(message, ".")
		}
		return strings.TrimPrefix(message, ".")
	}
	for _, m := range s.GetMethod() {
		lines = append(lines, fmt.Sprintf("%s%s.%s(%s) returns (%s)", scope, s.GetName(), m.GetName(),
			side(m.GetClientStreaming(), m.GetInputType()), side(m.GetServerStreaming(), m.GetOutputType())))
	}
	return lines
}

// A difference is that of the wire from its record.
type difference struct {
	// gone lines are in the record alone: what they say has changed or is not there any
	// more, and older ends rely on it. added ones are new.
	gone, added []string
}

func compare(record, lines []string) (d difference) {
	for _, l := range record {
		if !slices.Contains(lines, l) {
			d.gone = append(d.gone, l)
		}
	}
	for _, l := range lines {
		if !slices.Contains(record, l) {
			d.added = append(d.added, l)
		}
	}
	return d
}
