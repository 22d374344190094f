package memberform

import "fmt"

// CheckClientName says whether name can be a client's: up to 63 letters, digits, dots,
// dashes, underscores and @, the first a letter or a digit, so that it may stand in a
// log, a table, a certificate's URI and a file's name. The name "*", which stands for
// all other clients in a configuration, is not a client's. The error quotes the name.
func CheckClientName(name string) error {
	if !isName(name, "._@-") {
		return fmt.Errorf("%.80q is not a client's name; use up to 63 letters, digits, dots, dashes, underscores and @, the first a letter or a digit", name)
	}
	return nil
}
