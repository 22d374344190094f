// Command generate turns the .proto files under api/pontoon into Go packages
// under api.
//
// It needs no protoc: protocompile reads the files, gogofaster (in process)
// writes the messages of the plugin wire, protoc-gen-go those of the clients'
// side, and protoc-gen-go-grpc all services. The .proto files carry no gogo
// options; nullable=false is set here by rule on every singular or repeated
// message field of the plugin wire (ADR 0003).
//
// Usage, from the repository's root: go generate ./api
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// root is the folder of the .proto files below api. It is a part of their names,
// which keeps them unique in the registry of every process that links them, and is
// not a part of the names of the Go packages.
const root = "pontoon/"

func main() {
	log.SetFlags(0)
	api := flag.String("api", ".", "the folder that holds pontoon/, the .proto files")
	out := flag.String("out", "", "where to write (default: in the folder of -api)")
	flag.Parse()
	if *out == "" {
		*out = *api
	}
	files, err := generate(*api)
	if err != nil {
		log.Fatalf("generate: %v", err)
	}
	for _, name := range slices.Sorted(mapKeys(files)) {
		path := filepath.Join(*out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o644); err != nil {
			log.Fatal(err)
		}
		fmt.Println(path)
	}
}

// generate returns the generated files by their path below the api folder.
func generate(api string) (map[string]string, error) {
	set, err := compile(api)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for dir, names := range byFolder(set.names) {
		produce := clientSide
		if strings.HasPrefix(dir, root+"plugin/") {
			produce = pluginWire
		}
		made, err := produce(set, names)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		for name, text := range made {
			files[strings.TrimPrefix(name, root)] = text
		}
	}
	return files, nil
}

// byFolder groups file names by their folder: one Go package each.
func byFolder(names []string) map[string][]string {
	folders := map[string][]string{}
	for _, n := range names {
		dir := filepath.ToSlash(filepath.Dir(n)) + "/"
		folders[dir] = append(folders[dir], n)
	}
	return folders
}

// mapKeys yields the keys of m.
func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
