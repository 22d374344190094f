package rule

import "testing"

func TestNames(t *testing.T) {
	for want, rules := range map[string][]string{
		"rule P-2, see docs/plugins/protocol.md":                                                         {"P-2"},
		"rule ST-1, P-2, ST-3, see docs/plugins/protocol-storage.md, docs/plugins/protocol.md":           {"ST-1", "P-2", "ST-3"},
		"rule SM-1, TR-2, see docs/plugins/protocol-statemachine.md, docs/plugins/protocol-transport.md": {"SM-1", "TR-2"},
	} {
		if got := names(rules...); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestNamed(t *testing.T) {
	output := "--- FAIL\n    run.go:67: " + names("ST-1", "ST-3") + "\n"
	if !Named(output, "ST") || !Named(names("P-2"), "ST") {
		t.Error("the rules that a test has named are not found")
	}
	if Named(output, "SM") || Named("rule ST-1", "ST") || Named(", see docs/plugins/protocol.md", "ST") {
		t.Error("rules are found that no test has named")
	}
}
