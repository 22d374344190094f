package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Help, hints and messages have the name by which the program was called.
func TestTheProgramSaysTheNameItWasCalledBy(t *testing.T) {
	for name, c := range map[string]struct {
		arg0, message, example string
	}{
		"as in the documents":    {"host", "host: ", "  host member list -o json\n"},
		"installed elsewhere":    {"pontoon", "pontoon: ", "  pontoon member list -o json\n"},
		"by a path":              {"./bin/host", "host: ", "  ./bin/host member list -o json\n"},
		"by a path with a space": {"/opt/my apps/pontoon", "pontoon: ", "  '/opt/my apps/pontoon' member list -o json\n"},
		"from the cache of go":   {"/root/.cache/go-build/c6/c6a79994f16e7d15b2ceecde48a06233df7928777e8fab3b269a4a0ed4af2aa8-d/host", "host: ", "  go run ./cmd/host member list -o json\n"},
		"from its source":        {"/tmp/go-build123/b001/exe/host", "host: ", "  go run ./cmd/host member list -o json\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, help bytes.Buffer
			if code := run(t.Context(), []string{c.arg0, "member", "lisst"}, strings.NewReader(""), &out, &out); code != exitUsage {
				t.Errorf("exit code %d", code)
			}
			if !strings.HasPrefix(out.String(), c.message) {
				t.Errorf("a mistake is answered with %q, want %q first", out.String(), c.message)
			}
			run(t.Context(), []string{c.arg0, "member", "list", "--help"}, strings.NewReader(""), &help, &help)
			if !strings.Contains(help.String(), c.example) {
				t.Errorf("the help has no %q:\n%s", c.example, help.String())
			}
		})
	}
}

// Under another name no text tells a user to call a program "host".
func TestNoTextNamesAProgramThatIsNotInstalled(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			if asCalled(cmd.Root(), line) != line {
				t.Errorf("%s: %s", cmd.CommandPath(), line)
			}
			if cmd.Example != "" && strings.HasPrefix(line, "  host ") {
				t.Errorf("%s: an example calls the program host: %s", cmd.CommandPath(), line)
			}
		}
		for _, below := range cmd.Commands() {
			visit(below)
		}
	}
	visit(newProgram("pontoon"))
}

// A mention of a command gets the name; a host, a path and other words stay.
func TestOnlyMentionsOfCommandsAreRenamed(t *testing.T) {
	root := newProgram("pontoon")
	for given, want := range map[string]string{
		`make one with host token create`:             `make one with pontoon token create`,
		`"host log verify" tells`:                     `"pontoon log verify" tells`,
		`(host cert init --client NAME)`:              `(pontoon cert init --client NAME)`,
		"host --endpoints 127.0.0.1:1 status":         "pontoon --endpoints 127.0.0.1:1 status",
		`echo "yes" | host recover --force`:           `echo "yes" | pontoon recover --force`,
		"the host stopped, a host statuses, ghost kv": "the host stopped, a host statuses, ghost kv",
		"see /usr/bin/host status":                    "see /usr/bin/host status",
	} {
		if got := asCalled(root, given); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}
