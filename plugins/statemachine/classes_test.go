package statemachine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// A list is refused as a whole, with the numbers, if any class breaks a rule.
func TestAListOfClassesIsChecked(t *testing.T) {
	command := func(prefix string, role statemachine.Role) statemachine.Class {
		return statemachine.Class{Prefix: []byte(prefix), Role: role}
	}
	query := func(prefix string, role statemachine.Role) statemachine.Class {
		return statemachine.Class{Prefix: []byte(prefix), Query: true, Role: role}
	}
	many := func(n int) (list []statemachine.Class) {
		for i := range n {
			list = append(list, command(fmt.Sprintf("%03d", i), statemachine.RoleAdminister))
		}
		return list
	}
	long := strings.Repeat("p", statemachine.MaxClassBytes)
	for _, c := range []struct {
		name string
		list []statemachine.Class
		want string // of the error; "" for none
	}{
		{"none", nil, ""},
		{"commands and queries of one prefix", []statemachine.Class{
			command("a", statemachine.RoleWrite), query("a", statemachine.RoleRead), command("", statemachine.RoleAdminister), query("", statemachine.RoleWrite),
		}, ""},
		{"as many and as long as may be", append(many(statemachine.MaxClasses-1), command(long, statemachine.RoleAdminister)), ""},
		{"one more", many(statemachine.MaxClasses + 1), "257 classes, at most 256"},
		{"a byte more", append(many(1), query(long+"p", statemachine.RoleWrite)), "class 2 of 2 has a prefix of 65 bytes, at most 64"},
		{"no role", []statemachine.Class{command("a", 0)}, `class 1 of 1 (prefix "a") demands role 0`},
		{"a role of another protocol", []statemachine.Class{query("a", 4)}, "demands role 4"},
		{"a negative role", []statemachine.Class{query("a", -1)}, "demands role -1"},
		{"readers that propose", []statemachine.Class{command("a", statemachine.RoleRead)}, "lets clients with role 1 (read) propose"},
		{"twice", append(many(2), command("001", statemachine.RoleWrite)), `classes 2 and 3 of 3 have the same prefix "001"`},
		{"twice the empty one", []statemachine.Class{query("", statemachine.RoleRead), {Query: true, Role: statemachine.RoleWrite}}, "classes 1 and 2 of 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := statemachine.CheckClasses(c.list)
			if c.want == "" {
				if err != nil {
					t.Fatalf("a good list is refused: %v", err)
				}
				return
			}
			if !errors.Is(err, plugins.ErrBadAnswer) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
