package scaffold

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Kinds lists the kinds of plugins that can be made.
func Kinds() []string { return []string{"statemachine", "storage", "transport"} }

// Languages lists the languages that a plugin of a kind can be made in, and those of all
// kinds if none is named.
func Languages(kind string) []string {
	return slices.DeleteFunc([]string{"go", "node", "python"}, func(lang string) bool {
		_, err := templates.ReadDir(path.Join("templates", kind, lang))
		return kind != "" && err != nil
	})
}

// A Plan says what is made, and where.
type Plan struct {
	Kind string // of the plugin: one of Kinds
	Name string // of the plugin, for configurations and snapshots
	Lang string // one of the kind's Languages
	Dir  string // the folder, which need not be there
	// Pontoon is the folder of a checkout of Pontoon, for Go alone.
	Pontoon string
	// Host is the path of the host that checks and runs the plugin.
	Host string
	// Cluster is the id of the cluster in the configurations.
	Cluster string
}

// ErrRefused is the error of a plan by which nothing can be made. Its text says why.
var ErrRefused = errors.New("the plugin cannot be made")

func refusal(text string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(text, args...))
}

// nameForm is stricter than the protocol: the name is that of a module and of a file too.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// module is the line by which a checkout of Pontoon is known.
const module = "module github.com/pontoon-raft/pontoon\n"

// Check says why a plan cannot be followed, before anything is written.
func (p *Plan) Check() error {
	switch {
	case !slices.Contains(Kinds(), p.Kind):
		return refusal("the kind %q is unknown; a plugin is a statemachine, a storage or a transport", p.Kind)
	case !nameForm.MatchString(p.Name):
		return refusal("the name %q does not do; a name begins with a lower-case letter and has at most 63 letters, digits and dashes", p.Name)
	case p.Lang == "":
		return refusal("say in which language: --lang go, --lang python or --lang node")
	case !slices.Contains(Languages(""), p.Lang):
		return refusal("the language %q is unknown; use go, python or node, and docs/plugins/protocol.md for any other", p.Lang)
	case p.Lang == "go":
		return p.checkPontoon()
	case p.Pontoon != "":
		return refusal("--pontoon is for Go; a plugin in another language gets a copy of its runtime")
	}
	return nil
}

// checkPontoon makes the path of the checkout absolute.
func (p *Plan) checkPontoon() (err error) {
	if p.Pontoon == "" {
		return refusal("no version of Pontoon is published yet, so that the plugin's go.mod has to name a checkout of its source: give its folder with --pontoon")
	}
	if p.Pontoon, err = filepath.Abs(p.Pontoon); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(p.Pontoon, "go.mod"))
	if err != nil || !strings.HasPrefix(string(text), module) {
		return refusal("%s is not a checkout of Pontoon: it has no go.mod that begins with %q", p.Pontoon, strings.TrimSpace(module))
	}
	return nil
}
