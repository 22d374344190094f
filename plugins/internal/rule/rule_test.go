package rule

import "testing"

func TestNames(t *testing.T) {
	for want, rules := range map[string][]string{
		"rule P-2, see docs/plugins/protocol.md":                                                         {"P-2"},
		"rule ST-1, P-2, ST-3, see docs/plugins/protocol-storage.md, docs/plugins/protocol.md":           {"ST-1", "P-2", "ST-3"},
		"rule SM-1, TR-2, see docs/plugins/protocol-statemachine.md, docs/plugins/protocol-transport.md": {"SM-1", "TR-2"},
	} {
		if got := Names(rules...); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
