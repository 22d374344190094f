package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// descriptors are all compiled files, dependencies before dependents.
type descriptors struct {
	names []string
	files []*descriptorpb.FileDescriptorProto
}

// compile reads and links every .proto file below root. A file imports another by
// its path below api, as protoc -I api does.
func compile(api string) (*descriptors, error) {
	var names []string
	err := filepath.WalkDir(filepath.Join(api, root), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".proto") {
			return err
		}
		rel, err := filepath.Rel(api, path)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	compiler := protocompile.Compiler{
		SourceInfoMode: protocompile.SourceInfoStandard,
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{api}}),
	}
	linked, err := compiler.Compile(context.Background(), names...)
	if err != nil {
		return nil, err
	}
	set := &descriptors{names: names}
	seen := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		fd := protoutil.ProtoFromFileDescriptor(linked.FindFileByPath(name))
		for _, dep := range fd.GetDependency() {
			add(dep)
		}
		set.files = append(set.files, fd)
	}
	for _, n := range names {
		add(n)
	}
	return set, nil
}

// request encodes a code generator's input for the given files, after edit
// has had its way with copies of the descriptors.
func (d *descriptors) request(names []string, edit func(*descriptorpb.FileDescriptorProto)) ([]byte, error) {
	req := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: names,
		Parameter:      proto.String("paths=source_relative"),
	}
	for _, fd := range d.files {
		if !slices.Contains(names, fd.GetName()) {
			continue // a folder of ours imports only itself
		}
		fd = proto.Clone(fd).(*descriptorpb.FileDescriptorProto)
		edit(fd)
		req.ProtoFile = append(req.ProtoFile, fd)
	}
	raw, err := proto.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return raw, nil
}
