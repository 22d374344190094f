package scaffold

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// model is a plugin in the checkout whose module has the same requirements.
	model = "examples/counter"
	// kitNeeds is the module that the kit for storages needs besides.
	kitNeeds = "pgregory.net/rapid "
	// pontoon is the module of the checkout.
	pontoon = "github.com/pontoon-raft/pontoon"
)

// addModule takes go.mod and go.sum from the model, so that nothing needs to be looked up.
func (p *Plan) addModule(files map[string][]byte) error {
	dir := filepath.Join(p.Pontoon, filepath.FromSlash(model))
	module, sums, err := readModule(dir)
	if err != nil {
		return err
	}
	text := strings.Replace(module, "module example.com/counter\n", "module example.com/"+p.Name+"\n", 1)
	before, _, found := strings.Cut(text, "\nreplace "+pontoon+" => ")
	if !found || text == module && p.Name != "counter" {
		return refusal("%s is of another form than this host knows: use the checkout that the host was built from", dir)
	}
	if p.Kind == "storage" {
		module, all, err := readModule(p.Pontoon)
		if err != nil {
			return err
		}
		for _, line := range linesOf(module, "\t"+kitNeeds) {
			before += "\nrequire " + strings.TrimSpace(line) + " // indirect\n"
		}
		sums += strings.Join(linesOf(all, kitNeeds), "")
	}
	files["go.mod"] = fmt.Appendf([]byte(before),
		"\n// No version of Pontoon is published yet: it is taken from a checkout of its source.\nreplace %s => %s\n", pontoon, quoted(p.Pontoon))
	files["go.sum"] = []byte(sums)
	return nil
}

// readModule reads go.mod and go.sum of a folder.
func readModule(dir string) (module, sums string, err error) {
	m, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", "", err
	}
	s, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	return string(m), string(s), err
}

// linesOf are the lines of a text that begin so.
func linesOf(text, beginning string) (lines []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, beginning) {
			lines = append(lines, line)
		}
	}
	return lines
}

// quoted is a path as go.mod has it.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t\"'`,()[]") || strings.Contains(path, "//") {
		return fmt.Sprintf("%q", path)
	}
	return path
}
