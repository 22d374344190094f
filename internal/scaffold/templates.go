package scaffold

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"fmt"
	"io/fs"
	"maps"
	"path"
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
	Scheme            string // of the URLs of peers
	Magic             string // the mark of a storage's directories
	Machine, Snapshot string // names of files
	TimeField         string // of an entry
	Unordered         string // the language's collection without an order
	Failure           string // the language's error
	Needs, Leave      string // sentences
}

func (p *Plan) values() values {
	v := values{
		Plan: p, Program: "bin/" + p.Name, Scheme: "http", Magic: p.magic(), Machine: "machine.go", Snapshot: "snapshot.go",
		TimeField: "Time", Unordered: "a map", Failure: "an error",
		Needs: "`go.mod` names the folder of Pontoon's source by `replace`, because no version of it is published yet.",
		Leave: "Leave `main.go` as it is.",
	}
	if p.Kind == "transport" {
		v.Scheme = p.Name
	}
	switch p.Lang {
	case "node":
		v.Program, v.Machine, v.Snapshot = "bin/"+p.Name+".cjs", "machine.js", "snapshot.js"
		v.TimeField, v.Unordered, v.Failure = "time", "`Object.keys`, where numbers come first", "an exception"
		v.Needs = "Node needs no package; `make NODE=…` names another interpreter than `node`, of version 20.15 or later."
		v.Leave = "Leave `pontoon`, which is the runtime, and `main.js` as they are."
	case "python":
		v.Program, v.Machine, v.Snapshot = "bin/"+p.Name+".pyz", "machine.py", "snapshot.py"
		v.TimeField, v.Unordered, v.Failure = "time", "a set", "an exception"
		v.Needs = "Python needs the packages `grpcio` and `protobuf`; `make PYTHON=…` names another interpreter."
		v.Leave = "Leave `pontoon`, which is the runtime, as it is."
	}
	return v
}

// magic is the mark of the directories of a storage of that name. Those of the shipped
// storages have three capital letters in the place of its three others.
func (p *Plan) magic() string {
	sum := sha256.Sum256([]byte(p.Name))
	return "PONT" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:2])[:3]) + "\x01"
}

// files are all files by their names, with slashes.
func (p *Plan) files(runtime map[string][]byte) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, dir := range []string{"common", p.Kind + "/common", p.Kind + "/" + p.Lang} {
		if err := p.expand(path.Join("templates", dir), files); err != nil {
			return nil, err
		}
	}
	if p.Lang == "go" {
		return files, p.addModule(files)
	}
	maps.Copy(files, runtime)
	return files, nil
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
