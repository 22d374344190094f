package member

import "errors"

// ErrCommandVersion: the state machine of this member does not apply commands of the
// version that the log has reached. A member that applied them by another version would
// have another state than the others, so it ends. The store is sound: the right plugin
// goes on with it.
var ErrCommandVersion = errors.New("start this member with the plugin that the other members run")

// CommandVersionLevel is the level from which the log may have a switch of the command
// version, and snapshots the version and the format of the state machine's bytes.
const CommandVersionLevel = 3

// A Switch takes the cluster to a version of commands: each entry after it is applied by
// that version. The leader writes it into the log when the state machine of every member
// applies that version.
type Switch struct {
	CommandVersion uint32 `json:"command_version"`
}

// Check refuses a switch that no leader writes.
func (s Switch) Check() error {
	if s.CommandVersion == 0 {
		return errors.New("switch of the command version to 0")
	}
	return nil
}

// CommandVersion is the version by which the state machines apply commands. It never goes
// down. 0 is that of clusters which no switch has taken to another one.
func (r *Registry) CommandVersion() uint32 { return r.commands }

// Switch returns the registry after a switch. One to a version that is not above that of r
// changes nothing.
func (r *Registry) Switch(s Switch) *Registry {
	if s.CommandVersion <= r.commands {
		return r
	}
	next := r.clone()
	next.commands = s.CommandVersion
	return next
}
