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

// values are what the templates name, beside the plan. Words of the documents that differ
// with the language are in words.tmpl of the folder of kind and language.
type values struct {
	*Plan
	Member  int    // of a configuration
	Program string // the path of what is built
	Scheme  string // of the URLs of peers
	Magic   string // the mark of a storage's directories
	Needs   string // a sentence: what the language needs
}

const words = "words.tmpl"

func (p *Plan) values() values {
	v := values{
		Plan: p, Program: "bin/" + p.Name, Scheme: "http", Magic: p.magic(),
		Needs: "`go.mod` names the folder of Pontoon's source by `replace`, because no version of it is published yet.",
	}
	if p.Kind == "transport" {
		v.Scheme = p.Name
	}
	switch p.Lang {
	case "node":
		v.Program += ".cjs"
		v.Needs = "Node needs no package; `make NODE=…` names another interpreter than `node`, of version 20.15 or later."
	case "python":
		v.Program += ".pyz"
		v.Needs = "Python needs the packages `grpcio` and `protobuf`; `make PYTHON=…` names another interpreter."
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
		if err != nil || d.IsDir() || d.Name() == words {
			return err
		}
		text, err := fs.ReadFile(templates, name)
		if err != nil {
			return err
		}
		to, v := target(strings.TrimPrefix(name, root+"/")), p.values()
		if to != "configs/member.yaml" {
			files[to], err = v.expanded(name, string(text))
			return err
		}
		for v.Member = 1; v.Member <= 3 && err == nil; v.Member++ {
			files[fmt.Sprintf("configs/n%d.yaml", v.Member)], err = v.expanded(name, string(text))
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

// expanded fills in a template, which has the words of the kind and the language at hand.
func (v values) expanded(name, text string) ([]byte, error) {
	t, err := template.ParseFS(templates, path.Join("templates", v.Kind, v.Lang, words))
	if err == nil {
		t, err = t.New(name).Parse(text)
	}
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, v)
	return out.Bytes(), err
}
