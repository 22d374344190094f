package memberform

import (
	"fmt"
	"regexp"
)

// nodeName is what may be part of a path on every system.
const nodeName = `^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`

// CheckName says whether name can be a member's: up to 63 letters, digits, dots,
// dashes and underscores, the first a letter or a digit. The error quotes it.
func CheckName(name string) error {
	if !regexp.MustCompile(nodeName).MatchString(name) {
		return fmt.Errorf("%q is not a name; use up to 63 letters, digits, dots, dashes and underscores", name)
	}
	return nil
}
