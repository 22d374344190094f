package memberform

import (
	"fmt"
	"strings"
)

// mostName is how long the name of a member or a client may be.
const mostName = 63

// CheckName says whether name can be a member's: up to 63 letters, digits, dots,
// dashes and underscores, the first a letter or a digit, so that it may be part of a
// path on every system. The error quotes it.
func CheckName(name string) error {
	if !isName(name, "._-") {
		return fmt.Errorf("%q is not a name; use up to 63 letters, digits, dots, dashes and underscores", name)
	}
	return nil
}

// isName tells whether name has only letters, digits and some others, of which none
// comes first. A host asks this for each request with a certificate.
func isName(name, others string) bool {
	if name == "" || len(name) > mostName || !isLetterOrDigit(name[0]) {
		return false
	}
	for i := range len(name) {
		if !isLetterOrDigit(name[i]) && strings.IndexByte(others, name[i]) < 0 {
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
