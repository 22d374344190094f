package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// named are the documents whose code spans name things of this repository.
var named = []string{
	"ARCHITECTURE.md",
	"docs/failures.md",
	"docs/differences.md",
	"docs/decoders.md",
	"docs/statements.md",
	"docs/adr/*.md",
	"docs/formats/audit.md",
	"docs/formats/entry.md",
	"docs/formats/snapshot-stream.md",
	"docs/plugins/storage.md",
	"docs/plugins/transport.md",
	"docs/plugins/statemachine.md",
}

var (
	span = regexp.MustCompile("`([^`]+)`")
	// goName is a name, or a type or package and a name in it, or all three.
	goName = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}$`)
	// exported tells a Go name from a word of a configuration or a command.
	exported = regexp.MustCompile(`^[A-Z]|[a-z][A-Z]|\.[A-Z]`)
	// foreign are packages of others that the documents may mention.
	foreign  = regexp.MustCompile(`^(io|runner)\.`)
	filePath = regexp.MustCompile(`^[\w.*-]+(/[\w.*-]+)+/?$|^[\w-]+\.(go|md)$`)
)

// A name of code in a document is there, tests included.
func TestNamesExist(t *testing.T) {
	names := declared(t)
	checked := 0
	for _, d := range documents(t) {
		if !slices.ContainsFunc(named, func(p string) bool { ok, _ := path.Match(p, d.path); return ok }) {
			continue
		}
		for i, line := range d.lines {
			for _, m := range span.FindAllStringSubmatch(line, -1) {
				known, applies := names.know(m[1])
				if applies {
					checked++
				}
				if applies && !known {
					t.Errorf("%s:%d: there is no `%s`", d.path, i+1, m[1])
				}
			}
		}
	}
	if checked < 200 {
		t.Errorf("only %d names were checked", checked)
	}
}

// index is every declared name: alone, with its type or package before it, and
// with both.
type index struct {
	names  map[string]bool
	owners map[string]bool // types with members, and packages
	files  map[string]bool // base names
}

// know reports whether a code span is a name that exists; applies is false if
// it is not one that this index would have.
func (x index) know(text string) (known, applies bool) {
	text = strings.TrimSuffix(text, "()")
	switch {
	case x.names[text]:
		return true, true
	case strings.ContainsAny(text, "…<>") || foreign.MatchString(text):
		return false, false
	case strings.Contains(text, "/") && filePath.MatchString(text):
		if strings.Contains(strings.SplitN(text, "/", 2)[0], ".") { // another module
			return false, false
		}
		return exists(text) || x.below(text), true
	case filePath.MatchString(text):
		return x.files[text], true
	case exists(text):
		return true, true
	case goName.MatchString(text) && exported.MatchString(text) && strings.ToUpper(text) != text:
		return false, true
	}
	return false, false
}

// below finds a file or folder by the end of its path.
func (x index) below(text string) bool {
	return exists("plugins/"+text) || exists("docs/"+text)
}

// declared reads every Go file.
func declared(t *testing.T) index {
	t.Helper()
	x := index{names: map[string]bool{}, owners: map[string]bool{}, files: map[string]bool{}}
	fset := token.NewFileSet()
	walk(t, ".go", func(file string, text []byte) {
		x.files[path.Base(file)] = true
		f, err := parser.ParseFile(fset, file, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			x.declare(f.Name.Name, decl)
		}
	})
	walk(t, ".md", func(file string, _ []byte) { x.files[path.Base(file)] = true })
	return x
}

func (x index) declare(pkg string, decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			x.add(pkg, "", d.Name.Name)
			return
		}
		x.add(pkg, receiver(d.Recv.List[0].Type), d.Name.Name)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range s.Names {
					x.add(pkg, "", name.Name)
				}
			case *ast.TypeSpec:
				x.add(pkg, "", s.Name.Name)
				x.members(pkg, s.Name.Name, s.Type)
			}
		}
	}
}

// members adds the fields of a struct and the methods of an interface.
func (x index) members(pkg, typeName string, expr ast.Expr) {
	var fields *ast.FieldList
	switch e := expr.(type) {
	case *ast.StructType:
		fields = e.Fields
	case *ast.InterfaceType:
		fields = e.Methods
	default:
		return
	}
	for _, f := range fields.List {
		for _, name := range f.Names {
			x.add(pkg, typeName, name.Name)
		}
	}
}

func (x index) add(pkg, typeName, name string) {
	x.names[name], x.owners[pkg] = true, true
	if typeName == "" {
		x.names[pkg+"."+name] = true
		return
	}
	x.owners[typeName] = true
	x.names[typeName+"."+name] = true
	x.names[pkg+"."+typeName+"."+name] = true
}

func receiver(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func TestKnow(t *testing.T) {
	x := declared(t)
	for text, want := range map[string][2]bool{
		"TestKnow":                   {true, true},
		"index.know":                 {true, true},
		"docs.index.know":            {true, true},
		"know()":                     {true, true},
		"NoSuchThing":                {false, true},
		"Makefile":                   {true, true},
		"io.EOF":                     {false, false},
		"Index.NoSuch":               {false, true},
		"internal/docs":              {true, true},
		"internal/nowhere":           {false, true},
		"names_test.go":              {true, true},
		"nowhere.go":                 {false, true},
		"raft.tick":                  {false, false},
		"go test ./...":              {false, false},
		"EVENT":                      {false, false},
		"github.com/hashicorp/nomad": {false, false},
	} {
		known, applies := x.know(text)
		if got := [2]bool{known, applies}; got != want {
			t.Errorf("%q: known, applies = %v, want %v", text, got, want)
		}
	}
}
