package deps

import (
	"go/types"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// twins are the processors that are built for and the ones whose types have the same
// sizes, which are vetted in each run.
func twins() map[string]string {
	return map[string]string{"arm": "386", "arm64": "amd64", "386": "386"}
}

// A3: the host and its plugins are built for ARM, of 32 bits and of 64, and for 386, without
// C. Each package that they need has files for that processor; of this module's own files
// none is for one processor alone, so that what vet finds right for the twin is right
// there. The build itself takes minutes: make test-arm.
func TestA3TheHostIsBuiltForARM(t *testing.T) {
	root := filepath.Join("..", "..")
	for processor, twin := range twins() {
		if sizesOf(processor) != sizesOf(twin) {
			t.Errorf("the types of %s have other sizes than those of %s", processor, twin)
		}
		if of, like := filesFor(t, root, processor), filesFor(t, root, twin); !maps.Equal(of, like) {
			t.Errorf("this module has other files for %s than for %s, which is vetted:\n%v\n%v", processor, twin, of, like)
		}
	}
}

// A file for one processor alone is found.
func TestA3AFileForOneProcessorIsFound(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module narrow\n", "cmd/host/main.go": "package main\n\nfunc main() {}\n",
		"plugins/all.go": "package plugins\n", "plugins/only_386.go": "package plugins\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if of, like := filesFor(t, root, "arm"), filesFor(t, root, "386"); maps.Equal(of, like) || len(of) != 2 {
		t.Errorf("for arm there is %v, for 386 %v", of, like)
	}
}

// sizesOf are the size of a word and the alignment of 64 bits.
func sizesOf(processor string) [2]int64 {
	sizes := types.SizesFor("gc", processor)
	return [2]int64{sizes.Sizeof(types.Typ[types.Uintptr]), sizes.Alignof(types.Typ[types.Int64])}
}

// filesFor are the files of which the module at root makes the host and its plugins for a
// processor, by package. It fails if a package of any module that they need has none.
func filesFor(t *testing.T, root, processor string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f",
		"{{with .Module}}{{if .Main}}{{$.ImportPath}} {{$.GoFiles}} {{$.SFiles}}{{end}}{{end}}", "./cmd/host", "./plugins/...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+processor)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the packages for %s: %v\n%s", processor, err, &problems)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if pkg, list, found := strings.Cut(strings.TrimSpace(line), " "); found {
			files[pkg] = list
		}
	}
	return files
}
