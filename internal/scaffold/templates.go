package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed all:templates
var templates embed.FS

// values are what the templates name, beside the plan.
type values struct {
	*Plan
	Member            int    // of a configuration
	Program           string // the path of what is built
	Machine, Snapshot string // names of files
	TimeField         string // of an entry
	Unordered         string // the language's collection without an order
	Failure           string // the language's error
	Needs, Leave      string // sentences
}

func (p *Plan) values() values {
	if p.Lang == "python" {
		return values{
			Plan: p, Program: "bin/" + p.Name + ".pyz", Machine: "machine.py", Snapshot: "snapshot.py",
			TimeField: "time", Unordered: "a set", Failure: "an exception",
			Needs: "Python needs the packages `grpcio` and `protobuf`; `make PYTHON=…` names another interpreter.",
			Leave: "Leave `pontoon`, which is the runtime, as it is.",
		}
	}
	return values{
		Plan: p, Program: "bin/" + p.Name, Machine: "machine.go", Snapshot: "snapshot.go",
		TimeField: "Time", Unordered: "a map", Failure: "an error",
		Needs: "`go.mod` names the folder of Pontoon's source by `replace`, because no version of it is published yet.",
		Leave: "Leave `main.go` as it is.",
	}
}

// files are all files by their names, with slashes.
func (p *Plan) files(runtime fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, dir := range []string{"common", p.Lang} {
		if err := p.expand(path.Join("templates", dir), files); err != nil {
			return nil, err
		}
	}
	if p.Lang == "python" {
		return files, copied(runtime, files)
	}
	return files, p.addModule(files)
}

// expand fills in the templates of a folder.
func (p *Plan) expand(root string, files map[string][]byte) error {
	return fs.WalkDir(templates, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(templates, name)
		if err != nil {
			return err
		}
		to, v := target(strings.TrimPrefix(name, root+"/")), p.values()
		if to != "configs/member.yaml" {
			files[to], err = expanded(name, string(text), v)
			return err
		}
		for v.Member = 1; v.Member <= 3 && err == nil; v.Member++ {
			files[fmt.Sprintf("configs/n%d.yaml", v.Member)], err = expanded(name, string(text), v)
		}
		return err
	})
}

// target is the name of the file that a template becomes.
func target(name string) string {
	name = strings.TrimSuffix(name, ".tmpl")
	if name == "gitignore" { // one with a dot would be one of this repository
		return ".gitignore"
	}
	return name
}

func expanded(name, text string, v values) ([]byte, error) {
	t, err := template.New(name).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, v)
	return out.Bytes(), err
}

// copied adds the runtime.
func copied(runtime fs.FS, files map[string][]byte) error {
	return fs.WalkDir(runtime, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = fs.ReadFile(runtime, name)
		return err
	})
}

// model is a plugin in the checkout whose module has the same requirements.
const model = "examples/counter"

// addModule takes go.mod and go.sum from the model, so that nothing needs to be looked up.
func (p *Plan) addModule(files map[string][]byte) error {
	dir := filepath.Join(p.Pontoon, filepath.FromSlash(model))
	module, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	text := strings.Replace(string(module), "module example.com/counter\n", "module example.com/"+p.Name+"\n", 1)
	before, _, found := strings.Cut(text, "\nreplace github.com/pontoon-raft/pontoon => ")
	if !found || text == string(module) && p.Name != "counter" {
		return refusal("%s is of another form than this host knows: use the checkout that the host was built from", dir)
	}
	files["go.mod"] = fmt.Appendf([]byte(before),
		"\n// No version of Pontoon is published yet: it is taken from a checkout of its source.\nreplace github.com/pontoon-raft/pontoon => %s\n", quoted(p.Pontoon))
	files["go.sum"], err = os.ReadFile(filepath.Join(dir, "go.sum"))
	return err
}

// quoted is a path as go.mod has it.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t\"'`,()[]") || strings.Contains(path, "//") {
		return fmt.Sprintf("%q", path)
	}
	return path
}
