package plugincheck

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	protocol "github.com/pontoon-raft/pontoon/docs/plugins"
)

// protocolPage has the rules that no kind of plugin has for itself.
const protocolPage = "docs/plugins/protocol.md"

// A Rule is a numbered rule of the plugin protocol.
type Rule struct {
	Number string `json:"number"`
	Text   string `json:"text"`
	Page   string `json:"page"`
}

// checks has the output of t name rules if t fails, as the tests of the kits do.
func checks(t *testing.T, rules ...string) {
	t.Helper()
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			t.Logf("rule %s, see %s", strings.Join(rules, ", "), protocolPage)
		}
	})
}

// rulesLine is how the output of a check names rules.
var rulesLine = regexp.MustCompile(`rule ((?:P|SM|ST|TR)-[0-9]+(?:, (?:P|SM|ST|TR)-[0-9]+)*)`)

// rulesIn are the rules that an output names, each once.
func rulesIn(output string) (all []Rule) {
	for _, m := range rulesLine.FindAllStringSubmatch(output, -1) {
		for number := range strings.SplitSeq(m[1], ", ") {
			if !slices.ContainsFunc(all, func(r Rule) bool { return r.Number == number }) {
				all = append(all, ruleOf(number))
			}
		}
	}
	return all
}

// ruleOf looks a rule up in the pages of the protocol.
func ruleOf(number string) Rule {
	r := Rule{Number: number, Page: protocolPage}
	switch kind, _, _ := strings.Cut(number, "-"); kind {
	case "SM":
		r.Page = "docs/plugins/protocol-statemachine.md"
	case "ST":
		r.Page = "docs/plugins/protocol-storage.md"
	case "TR":
		r.Page = "docs/plugins/protocol-transport.md"
	}
	r.Text = protocol.Rule(r.Page, number)
	return r
}
