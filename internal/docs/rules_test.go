package docs

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// kindsOfRules say how the numbers of rules begin, by page of the plugin protocol.
var kindsOfRules = map[string]string{
	"docs/plugins/protocol.md":              "P",
	"docs/plugins/protocol-statemachine.md": "SM",
	"docs/plugins/protocol-storage.md":      "ST",
	"docs/plugins/protocol-transport.md":    "TR",
}

var (
	ruleHead = regexp.MustCompile(`^- \*\*([A-Z]+)-(\d+)\*\* `)
	// ruleCited is the number of a rule in any text. P-256 is a curve.
	ruleCited = regexp.MustCompile(`\b(?:P|SM|ST|TR)-[0-9]{1,2}\b`)
)

// A rulePage is what a page of the plugin protocol has of rules.
type rulePage struct {
	// rules are the texts of all rules, by number.
	rules map[string]string
	// unchecked are the numbers of the rules that no test checks, as the page says.
	unchecked []string
	// faults are the rules whose number is not the next one of the page's kind.
	faults []string
}

// rulesOf reads a page whose rules begin with kind. Their numbers ascend by one: a rule that
// goes leaves a line with its number.
func rulesOf(kind string, lines []string) rulePage {
	p := rulePage{rules: map[string]string{}}
	last, current, heading := 0, "", ""
	for _, line := range lines {
		if strings.HasPrefix(line, "#") {
			heading, current = strings.TrimLeft(line, "# "), ""
		}
		if m := ruleHead.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[2])
			current = m[1] + "-" + m[2]
			if m[1] != kind || n != last+1 {
				p.faults = append(p.faults, current+" after "+kind+"-"+strconv.Itoa(last))
			}
			last = n
		} else if strings.HasPrefix(line, "|") || strings.HasPrefix(line, "- ") {
			current = ""
		}
		if current != "" {
			p.rules[current] += line + "\n"
		}
		if heading == "Not checked" && strings.HasPrefix(line, "|") {
			p.unchecked = append(p.unchecked, ruleCited.FindAllString(cellsOf(line)[0], -1)...)
		}
	}
	return p
}

// Each rule of the plugin protocol has a number of its own, on the page of its kind. A rule that
// is cited anywhere exists. A rule that says MUST is cited by a test, the tests of the conformance
// kits among them, unless the page of the rule says why no test cites it.
func TestRulesOfTheProtocolAreChecked(t *testing.T) {
	all, unchecked := map[string]string{}, map[string]bool{}
	for _, d := range documents(t) {
		kind, found := kindsOfRules[d.path]
		if !found {
			continue
		}
		p := rulesOf(kind, d.lines)
		for _, fault := range p.faults {
			t.Errorf("%s: %s", d.path, fault)
		}
		maps.Copy(all, p.rules)
		for _, number := range p.unchecked {
			unchecked[number] = true
		}
	}
	if len(all) < leastRules {
		t.Fatalf("only %d rules were found", len(all))
	}
	tested := map[string]bool{}
	for _, suffix := range []string{".go", ".proto", ".md"} {
		walk(t, suffix, func(file string, text []byte) {
			if file == "internal/docs/rules_test.go" || strings.HasPrefix(file, "plugins/internal/rule/") {
				return // these are about numbers
			}
			for _, number := range ruleCited.FindAllString(string(text), -1) {
				if all[number] == "" {
					t.Errorf("%s: there is no rule %s", file, number)
				}
				tested[number] = tested[number] || isTest(file)
			}
		})
	}
	for number, text := range all {
		switch must := strings.Contains(text, "MUST"); {
		case must && !tested[number] && !unchecked[number]:
			t.Errorf("%s says MUST, and no test names it", number)
		case tested[number] && unchecked[number]:
			t.Errorf("%s is in a list of rules that are not checked, and a test names it", number)
		}
	}
}

// leastRules are fewer than there are.
const leastRules = 160

// isTest tells the files of tests and of conformance kits from others.
func isTest(file string) bool {
	return strings.HasSuffix(file, "_test.go") || strings.HasSuffix(path.Dir(file), "test") && strings.HasSuffix(file, ".go")
}

// A page is read as it is meant.
func TestRulesOfAPage(t *testing.T) {
	p := rulesOf("ST", strings.Split(`# Storage
- **ST-1** A log MUST be long,
  and MUST be wide.

      its length

  So be it.
- **ST-2** A log SHOULD be deep.

A plain MUST.
- **ST-2** Twice.
- **ST-4** After a gap.
- **SM-5** Of another kind.
## Not checked
| Rule | Why |
|---|---|
| ST-1, ST-2 | they are too long |`, "\n"))
	if len(p.rules) != 4 || !strings.Contains(p.rules["ST-1"], "wide") || !strings.Contains(p.rules["ST-1"], "So be it") || strings.Contains(p.rules["ST-1"], "deep") {
		t.Errorf("rules: %q", p.rules)
	}
	if want := []string{"ST-2 after ST-2", "ST-4 after ST-2", "SM-5 after ST-4"}; !slices.Equal(p.faults, want) {
		t.Errorf("faults: %q, want %q", p.faults, want)
	}
	if want := []string{"ST-1", "ST-2"}; !slices.Equal(p.unchecked, want) {
		t.Errorf("not checked: %q, want %q", p.unchecked, want)
	}
	for text, want := range map[string]string{"rule SM-12: a curve like P-256, SP-1": "SM-12", "(ST-7)": "ST-7"} {
		if got := ruleCited.FindAllString(text, -1); !slices.Equal(got, []string{want}) {
			t.Errorf("%q cites %q, want %s", text, got, want)
		}
	}
}
