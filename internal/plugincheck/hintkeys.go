package plugincheck

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// HintKeys are the keys that a file of hints may have.
func HintKeys() (keys []string) {
	for f := range reflect.TypeFor[Hints]().Fields() {
		keys = append(keys, f.Tag.Get("yaml"))
	}
	return keys
}

// explained is an error of a file of hints, with all keys if one of its own is not known.
func explained(err error) error {
	text, unknown := err.Error(), " not found in type plugincheck.Hints"
	if !strings.Contains(text, unknown) {
		return err
	}
	return errors.New(strings.ReplaceAll(text, unknown, " is not a hint") + "\nhints are: " + strings.Join(HintKeys(), ", "))
}

// lacking is how a kit says which field it needs.
var lacking = regexp.MustCompile(`the harness has no ([A-Z]\w*)`)

var capital = regexp.MustCompile(`\B[A-Z]`)

// inHints is the output of a skipped check, with the key of the hint for the field of the kit
// that is not set. A field without a hint stays: a test in Go alone can set it.
func inHints(output string) string {
	return lacking.ReplaceAllStringFunc(output, func(said string) string {
		field := lacking.FindStringSubmatch(said)[1]
		key := strings.ToLower(capital.ReplaceAllString(field, "_$0"))
		if !slices.Contains(HintKeys(), key) {
			return said + ", which no hint sets"
		}
		return "there is no hint " + key
	})
}
