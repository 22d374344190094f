package memberform

import (
	"fmt"
	"regexp"
)

// clientName is what may stand in a log, a table, a certificate's URI and a file's
// name. "*", which stands for all other clients in a configuration, is none.
const clientName = `^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$`

// CheckClientName says whether name can be a client's: up to 63 letters, digits, dots,
// dashes, underscores and @, the first a letter or a digit. The error quotes it.
func CheckClientName(name string) error {
	if !regexp.MustCompile(clientName).MatchString(name) {
		return fmt.Errorf("%.80q is not a client's name; use up to 63 letters, digits, dots, dashes, underscores and @, the first a letter or a digit", name)
	}
	return nil
}
