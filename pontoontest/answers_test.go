package pontoontest

import (
	"strings"
	"testing"
)

// Members that answer otherwise are named, also beside one that answers nothing.
func TestDifferingAnswersAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		all  []string
		want []string
	}{
		"one":                       {[]string{"a"}, nil},
		"equal":                     {[]string{"a", "a", "a"}, nil},
		"all empty":                 {[]string{"", "", ""}, nil},
		"the last one":              {[]string{"a", "a", "b"}, []string{"n3"}},
		"the first one":             {[]string{"a", "b", "b"}, []string{"n2", "n3"}},
		"the first, which is empty": {[]string{"", "b", "b"}, []string{"n2", "n3"}},
		"the last, which is empty":  {[]string{"b", "b", ""}, []string{"n3"}},
	} {
		t.Run(name, func(t *testing.T) {
			var all []answer
			for i, data := range c.all {
				a := answer{member: i + 1}
				if data != "" {
					a.data = []byte(data)
				}
				all = append(all, a)
			}
			text := differing(all)
			if (text == "") != (len(c.want) == 0) {
				t.Errorf("it says %q", text)
			}
			for _, member := range c.want {
				if !strings.Contains(text, "and "+member+" ") {
					t.Errorf("%s is not named: %s", member, text)
				}
			}
		})
	}
}

// A module that is not required is said to be missing in the words of the go command.
func TestAModuleThatIsNotRequired(t *testing.T) {
	if _, err := sourceOf("example.com/missing"); err == nil || !strings.Contains(err.Error(), "example.com/missing") {
		t.Errorf("got %v", err)
	}
	if dir, err := sourceOf(module); err != nil || dir == "" {
		t.Errorf("the own module is in %q, %v", dir, err)
	}
}
