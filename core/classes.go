package core

import (
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// classesOf returns the classes of an opened state machine. A list that breaks the
// contract is a plugins.ErrBadAnswer, in whichever lane the state machine runs.
func classesOf(m statemachine.StateMachine) ([]access.Class, error) {
	classer, ok := m.(statemachine.Classer)
	if !ok {
		return nil, nil
	}
	said := classer.Classes()
	if err := statemachine.CheckClasses(said); err != nil {
		return nil, err
	}
	list := make([]access.Class, len(said))
	for i := range said {
		list[i] = access.Class{Prefix: string(said[i].Prefix), Query: said[i].Query, Role: roleOf(said[i].Role)}
	}
	return list, nil
}

// roleOf is a role of the plugins' protocol as one of the clients'.
func roleOf(r statemachine.Role) access.Role {
	switch r {
	case statemachine.RoleRead:
		return access.Read
	case statemachine.RoleWrite:
		return access.Write
	}
	return access.Administer
}

// adoptClasses holds the clients to the classes of a state machine that has started,
// until another one has.
func (h *Host) adoptClasses(list []access.Class) {
	if h.classes == nil {
		if len(list) > 0 {
			h.logger.Warn("the state machine classes its commands, and every client may give all of them: clients have no roles here (api.access)",
				"classes", len(list))
		}
		return
	}
	if h.classes.Adopt(list) {
		h.logger.Info("the state machine classes its commands", "classes", len(list))
	}
}
