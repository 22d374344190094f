package docs

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mostWithoutWalk is how many files a package may have before its doc.go must say how
// to walk them. The names alone tell a reader where to begin in fewer.
const mostWithoutWalk = 20

var (
	// fileOfGo is the name of a file of the package itself. One with a folder before
	// it is another package's.
	fileOfGo = regexp.MustCompile(`(?:^|[^\w/.])(\w+\.go)\b`)
	// system is the end of the name of a file that is for some systems only.
	system = regexp.MustCompile(`_(?:linux|darwin|bsd|windows|unix|other)\.go$`)
)

// A large package says in doc.go how to walk it: each file is named there, once. A
// file that is named in any doc.go exists.
func TestLargePackagesSayHowToWalkThem(t *testing.T) {
	files, docs := map[string][]string{}, map[string]string{}
	walk(t, ".go", func(file string, text []byte) {
		dir, name := path.Split(file)
		switch {
		case name == "doc.go":
			docs[dir] = string(text)
			files[dir] = append(files[dir], name)
		case !strings.HasSuffix(name, "_test.go") && !strings.HasSuffix(name, ".pb.go"):
			files[dir] = append(files[dir], name)
		}
	})
	large := 0
	for _, dir := range slices.Sorted(maps.Keys(files)) {
		if len(bases(files[dir])) > mostWithoutWalk {
			large++
		}
		for _, fault := range faultsOfWalk(docs[dir], files[dir]) {
			t.Errorf("%sdoc.go: %s", dir, fault)
		}
	}
	if large < 10 {
		t.Errorf("only %d packages have more than %d files; is the tree here?", large, mostWithoutWalk)
	}
}

// faultsOfWalk are those of the doc.go, empty if there is none, of a package that has
// these files.
func faultsOfWalk(doc string, files []string) (all []string) {
	times := map[string]int{}
	for _, m := range fileOfGo.FindAllStringSubmatch(doc, -1) {
		name := m[1]
		if !slices.Contains(files, name) {
			all = append(all, "there is no "+name)
		}
		times[name]++
	}
	wanted := bases(files)
	if len(wanted) <= mostWithoutWalk {
		return all
	}
	if doc == "" {
		return []string{"it is missing"}
	}
	for _, base := range slices.Sorted(maps.Keys(wanted)) {
		named := false
		for _, name := range wanted[base] {
			named = named || times[name] > 0
			if times[name] > 1 {
				all = append(all, name+" is named more than once")
			}
		}
		if !named && base != "doc.go" {
			all = append(all, base+" is not named")
		}
	}
	return all
}

// bases are files by their names without systems: those that do one thing, each on
// its systems, count as one file.
func bases(files []string) map[string][]string {
	all := map[string][]string{}
	for _, name := range files {
		base := system.ReplaceAllString(name, ".go")
		all[base] = append(all[base], name)
	}
	return all
}

// A walk that leaves a file out, has one twice or one too many is found.
func TestFaultsOfWalk(t *testing.T) {
	files := []string{"doc.go", "lock_linux.go", "lock_other.go"}
	whole := "// Package p. internal/q/far.go is of another package.\n//   - lock_linux.go: a lock\n//   - "
	for _, letter := range "abcdefghijklmnopqrstuvw" {
		files = append(files, string(letter)+".go")
		whole += string(letter) + ".go, "
	}
	small := files[:mostWithoutWalk]
	for name, c := range map[string]struct {
		doc   string
		files []string
		want  []string
	}{
		"whole":                    {whole, files, nil},
		"left out":                 {strings.Replace(whole, "c.go", "", 1), files, []string{"c.go is not named"}},
		"no system":                {strings.Replace(whole, "lock_linux.go", "", 1), files, []string{"lock.go is not named"}},
		"twice":                    {whole + "c.go", files, []string{"c.go is named more than once"}},
		"too many":                 {whole + "gone.go", files, []string{"there is no gone.go"}},
		"no doc.go":                {"", files, []string{"it is missing"}},
		"small, silent":            {"// Package p.", small, nil},
		"small, one too many":      {"// Package p: see gone.go.", small, []string{"there is no gone.go"}},
		"small, twice is harmless": {"// Package p: see a.go. So a.go it is.", small, nil},
	} {
		if got := faultsOfWalk(c.doc, c.files); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
