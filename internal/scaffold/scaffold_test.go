package scaffold

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// runtime stands in for that of a language.
func runtime() map[string][]byte {
	return map[string][]byte{"pontoon/wire": []byte("# the runtime\n")}
}

func plan(dir, kind, lang string) Plan {
	p := Plan{Kind: kind, Name: "led-1", Lang: lang, Dir: dir, Host: "/opt/host", Cluster: "8badf00d"}
	if lang == "go" {
		p.Pontoon = filepath.Join("..", "..")
	}
	return p
}

// A plan by which nothing can be made is refused with a sentence, and leaves no folder.
func TestWhatCannotBeMadeIsRefused(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*Plan)
		says   string
	}{
		"no kind":              {func(p *Plan) { p.Kind = "machine" }, `"machine" is unknown`},
		"no language":          {func(p *Plan) { p.Lang = "" }, "--lang go, --lang python or --lang node"},
		"another language":     {func(p *Plan) { p.Lang = "cobol" }, "docs/plugins/protocol.md for any other"},
		"Go without Pontoon":   {func(p *Plan) { p.Pontoon = "" }, "--pontoon"},
		"Go with another":      {func(p *Plan) { p.Pontoon = t.TempDir() }, "not a checkout of Pontoon"},
		"Python with Pontoon":  {func(p *Plan) { p.Lang = "python" }, "--pontoon is for Go"},
		"Node with Pontoon":    {func(p *Plan) { p.Lang = "node" }, "--pontoon is for Go"},
		"a name in capitals":   {func(p *Plan) { p.Name = "Ledger" }, "lower-case"},
		"a path":               {func(p *Plan) { p.Name = "../ledger" }, "lower-case"},
		"an empty name":        {func(p *Plan) { p.Name = "" }, "lower-case"},
		"a name with a digit":  {func(p *Plan) { p.Name = "1st" }, "lower-case"},
		"a name of 64 letters": {func(p *Plan) { p.Name = strings.Repeat("a", 64) }, "at most 63"},
		"a name and a line":    {func(p *Plan) { p.Name = "ledger\n" }, "lower-case"},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan(filepath.Join(t.TempDir(), "new"), "statemachine", "go")
			x.change(&p)
			if _, err := p.Write(runtime()); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), x.says) {
				t.Errorf("%v, want a refusal that says %q", err, x.says)
			}
			if _, err := os.Lstat(p.Dir); err == nil {
				t.Error("a folder was made")
			}
		})
	}
}

// A file that is there stays as it is, whichever it is, and then no other one is written.
func TestNoFileIsOverwritten(t *testing.T) {
	forEach(t, func(t *testing.T, kind, lang string) {
		first := plan(t.TempDir(), kind, lang)
		names, err := first.Write(runtime())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			p := plan(t.TempDir(), kind, lang)
			if err := create(p.path(name), []byte("mine")); err != nil {
				t.Fatal(err)
			}
			_, err := p.Write(runtime())
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), p.path(name)+" is there already") {
				t.Errorf("%s: %v", name, err)
			}
			text, err := os.ReadFile(p.path(name))
			if err != nil || string(text) != "mine" {
				t.Errorf("%s: %q, %v", name, text, err)
			}
			if left := filesIn(t, p.Dir); len(left) != 1 {
				t.Errorf("%s was in the way, and there are %v", name, left)
			}
		}
	})
}

// forEach runs a test for each kind in each of its languages.
func forEach(t *testing.T, test func(t *testing.T, kind, lang string)) {
	for _, kind := range Kinds() {
		for _, lang := range Languages(kind) {
			t.Run(kind+"/"+lang, func(t *testing.T) { test(t, kind, lang) })
		}
	}
}

// The files of each kind and language are there and filled in, beside a file of the author's.
func TestTheFilesAreThere(t *testing.T) {
	wanted := map[string][]string{
		"statemachine/go":     {"check.yaml", "cluster_test.go", "go.mod", "go.sum", "machine.go", "machine_test.go", "main.go", "snapshot.go"},
		"statemachine/python": {"__main__.py", "check.yaml", "machine.py", "pontoon/wire", "snapshot.py", "test_machine.py"},
		"statemachine/node":   {"check.yaml", "machine.js", "machine.test.js", "main.js", "pontoon/wire", "snapshot.js"},
		"storage/go":          {"cluster_test.go", "file.go", "go.mod", "go.sum", "log.go", "main.go", "store.go", "store_test.go"},
		"storage/python":      {"__main__.py", "log.py", "pontoon/wire", "records.py", "test_log.py"},
		"storage/node":        {"file.js", "log.js", "log.test.js", "main.js", "pontoon/wire"},
		"transport/node":      {"check.yaml", "main.js", "network.js", "network.test.js", "pontoon/wire"},
		"transport/go":        {"cluster_test.go", "check.yaml", "go.mod", "go.sum", "main.go", "network.go", "network_test.go"},
		"transport/python":    {"__main__.py", "check.yaml", "network.py", "pontoon/wire", "test_network.py"},
	}
	forEach(t, func(t *testing.T, kind, lang string) {
		want := wanted[kind+"/"+lang]
		p := plan(t.TempDir(), kind, lang)
		if err := create(p.path("notes"), nil); err != nil {
			t.Fatal(err)
		}
		made, err := p.Write(runtime())
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, ".gitignore", "AGENTS.md", "Makefile", "README.md", "configs/n1.yaml", "configs/n2.yaml", "configs/n3.yaml")
		if slices.Sort(want); !slices.Equal(made, want) {
			t.Errorf("made %v, want %v", made, want)
		}
		if there := filesIn(t, p.Dir); len(there) != len(made)+1 {
			t.Errorf("said %v, made %v", made, there)
		}
		for _, name := range made {
			text, err := os.ReadFile(p.path(name))
			if err != nil || len(text) == 0 || strings.Contains(string(text), "{{") || strings.Contains(string(text), "<no value>") {
				t.Errorf("%s: %v\n%s", name, err, text)
			}
		}
	})
}

// The directories of storages of other names have other marks, and none is that of a shipped
// storage.
func TestMagicsDiffer(t *testing.T) {
	tape, disk := Plan{Name: "tape"}, Plan{Name: "disk"}
	for _, m := range []string{tape.magic(), disk.magic()} {
		if len(m) != 8 || !strings.HasPrefix(m, "PONT") || m != strings.Replace(m, strings.ToUpper(m[4:7]), "", 1) {
			t.Errorf("the mark %q", m)
		}
	}
	if tape.magic() == disk.magic() {
		t.Errorf("both have the mark %q", tape.magic())
	}
}

// A path that go.mod takes in quotes alone gets them.
func TestPathsInAModule(t *testing.T) {
	for path, want := range map[string]string{"/src/pontoon": "/src/pontoon", "/my src/pontoon": `"/my src/pontoon"`, "/a(b)": `"/a(b)"`} {
		if got := quoted(path); got != want {
			t.Errorf("%s is written %s, want %s", path, got, want)
		}
	}
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
