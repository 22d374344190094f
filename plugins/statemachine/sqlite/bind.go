package sqlite

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite/internal/engine"
)

// bind gives a statement its arguments.
func bind(stmt *engine.Stmt, s statement) error {
	params := stmt.Params()
	if s.named == nil && len(params) != len(s.list) {
		return fmt.Errorf("the statement has %d parameters, and %d arguments are given", len(params), len(s.list))
	}
	if s.named != nil && len(params) != len(s.named) {
		return fmt.Errorf("the statement has %d parameters, and %d named arguments are given", len(params), len(s.named))
	}
	for i, param := range params {
		var value any
		if s.named == nil {
			value = s.list[i]
		} else {
			found := false
			if param != "" {
				value, found = s.named[param[1:]]
			}
			if !found {
				return fmt.Errorf("there is no argument for parameter %d, %q", i+1, param)
			}
		}
		if err := stmt.Bind(i+1, value); err != nil {
			return err
		}
	}
	return nil
}
