package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

var (
	// camel is a word with a capital after a small letter: in prose, a name of code.
	camel = regexp.MustCompile(`\b[A-Za-z]*[a-z][A-Z]\w*`)
	// dotted is a name, exported, in something that has a name.
	dotted = regexp.MustCompile(`\b[A-Za-z]\w*\.[A-Z]\w*(?:\.[A-Z]\w*)?`)
)

// elsewhere are the names that comments mention, that no code here has, and whose
// they are.
var elsewhere = map[string]string{
	"AddrTranslator":      "hashicorp/go-plugin",
	"AppEntries":          "etcd's rafthttp",
	"GetBody":             "net/http",
	"GiB":                 "a unit",
	"HealthServer":        "grpc-go",
	"KiB":                 "a unit",
	"LogCache":            "hashicorp/raft",
	"MiB":                 "a unit",
	"NaN":                 "no number",
	"RecentActive":        "etcd's raft",
	"ResetConnectBackoff": "grpc-go",
	"ReverseProxy":        "net/http/httputil",
	"SinkAdapter":         "hashicorp/go-hclog",
	"StepSafe":            "the name of a claim",
	"TimerSlackNSec":      "systemd",
	"VmHWM":               "Linux",
	"gRPC":                "a protocol",
}

// A name of code in a comment is there: declared here, or used here and declared by
// others. So a comment that outlived what it is about is found when that
// has a name which prose could not have.
func TestNamesInCommentsExist(t *testing.T) {
	names, files := declared(t), parsed(t)
	used, mentioned := identifiers(files), map[string]bool{}
	checked := 0
	for _, c := range comments(files) {
		for _, m := range span.FindAllStringSubmatch(c.text, -1) {
			if known, applies := names.know(m[1]); applies && !known && !used[m[1]] {
				t.Errorf("%s: there is no `%s`", c.at, m[1])
			}
		}
		for _, name := range camel.FindAllString(c.text, -1) {
			checked++
			mentioned[name] = true
			if !used[name] && elsewhere[name] == "" {
				t.Errorf("%s: there is no %s", c.at, name)
			}
		}
		for _, name := range dotted.FindAllString(c.text, -1) {
			if names.lacks(name, used) {
				t.Errorf("%s: there is no %s", c.at, name)
			}
		}
	}
	if checked < 3000 {
		t.Errorf("only %d names were checked", checked)
	}
	for name := range elsewhere {
		if !mentioned[name] {
			t.Errorf("%s need not be in the list: no comment has it", name)
		}
	}
}

// lacks reports whether a dotted name begins with a type or package of this
// repository and ends in a name that no code has. A package of others and a parameter
// may have the name of a package here, so their members are looked up among all names.
func (x index) lacks(name string, used map[string]bool) bool {
	of, _, _ := strings.Cut(name, ".")
	return x.owners[of] && !x.names[name] && !used[name[strings.LastIndex(name, ".")+1:]]
}

// A source is one file of Go, parsed.
type source struct {
	file *ast.File
	fset *token.FileSet
}

func parsed(t *testing.T) (all []source) {
	t.Helper()
	walk(t, ".go", func(file string, text []byte) {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, file, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{f, fset})
	})
	return all
}

// identifiers are all names in code, wherever they are declared.
func identifiers(files []source) map[string]bool {
	all := map[string]bool{}
	for _, s := range files {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				all[id.Name] = true
			}
			return true
		})
	}
	return all
}

// The index knows which dotted names there are not.
func TestLacks(t *testing.T) {
	names, used := declared(t), identifiers(parsed(t))
	for name, want := range map[string]bool{
		"index.lacks":       false,
		"document.NoSuch":   true,
		"storage.NoSuch":    true,
		"elsewhere9.NoSuch": false,
		"http.Server":       false,
	} {
		if got := names.lacks(name, used); got != want {
			t.Errorf("%s: lacks = %v, want %v", name, got, want)
		}
	}
}

// A comment is the prose of one, without directives.
type comment struct{ at, text string }

func comments(files []source) (all []comment) {
	for _, s := range files {
		if ast.IsGenerated(s.file) {
			continue
		}
		for _, g := range s.file.Comments {
			all = append(all, comment{at: s.fset.Position(g.Pos()).String(), text: g.Text()})
		}
	}
	return all
}
