package node

import (
	"fmt"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// switchVersion begins the data of an entry that switches the command version of the
// cluster (docs/formats/entry.md). A JSON member.Switch follows.
const switchVersion = 0xF3

// maxSwitch bounds the data of a switch that is read.
const maxSwitch = 4 << 10

// CommandVersions are the versions of commands that the state machine of this member applies.
// Known is false before the state machine has said it.
type CommandVersions struct {
	plugins.Versions
	Known bool
}

// SetCommandVersions says what the state machine of this member applies, for the others to hear.
func (c *Core) SetCommandVersions(v CommandVersions) { c.commands = v }

// isSwitch tells whether an entry switches the command version.
func isSwitch(data []byte) bool { return len(data) > 0 && data[0] == switchVersion }

// SwitchOf is the version to which an entry that is in the log switches the command version;
// 0 if it does not.
func SwitchOf(e *storage.Entry) uint32 {
	if e.Type != pluginv1.EntryType_ENTRY_NORMAL {
		return 0
	}
	return switchIn(e.Data)
}

// switchIn is SwitchOf for the data of a normal entry.
func switchIn(data []byte) uint32 {
	if !isSwitch(data) {
		return 0
	}
	s, err := decodeSwitch(data)
	if err != nil {
		return 0 // checked when it came in
	}
	return s.CommandVersion
}

// UntilEnd is how many of the entries go into one batch, as far as their meaning goes: all,
// or those up to the first switch of the command version or check of the state. With that
// one a batch ends.
func UntilEnd(entries []storage.Entry) int {
	for i := range entries {
		if SwitchOf(&entries[i]) > 0 || IsCheck(&entries[i]) {
			return i + 1
		}
	}
	return len(entries)
}

// LastSwitch is the version to which the last switch among the entries leads; 0 if there is
// none.
func LastSwitch(entries []storage.Entry) (version uint32) {
	for i := range entries {
		version = max(version, SwitchOf(&entries[i]))
	}
	return version
}

func decodeSwitch(data []byte) (s member.Switch, err error) {
	if err := decodeOwn(data, maxSwitch, "switch of the command version", &s); err != nil {
		return s, err
	}
	return s, s.Check()
}

// commandsOf are the versions that the state machine of a member applies, of another one
// those that it has announced within an election timeout; false if that is not known.
func (c *Core) commandsOf(id member.ID) (plugins.Versions, bool) {
	if id == c.cfg.ID {
		return c.commands.Versions, c.commands.Known
	}
	_, ok := c.levelOf(id)
	return c.levels.announced[id].commands, ok
}

// nextCommandVersion is the greatest version that the state machines of all members
// apply; 0 if the cluster is at it already, or if there is none.
func (c *Core) nextCommandVersion() uint32 {
	common := c.commands.Versions // a leader that was removed is not a member
	for _, m := range c.registry.Members() {
		of, ok := c.commandsOf(m.ID)
		if !ok {
			return 0
		}
		common.Least, common.Greatest = max(common.Least, of.Least), min(common.Greatest, of.Greatest)
	}
	if common.Greatest < common.Least || common.Greatest <= c.registry.CommandVersion() {
		return 0
	}
	return common.Greatest
}

// switchCommands proposes the greatest command version that the state machines of all
// members apply, if this node leads and the cluster is not at it yet.
func (c *Core) switchCommands() {
	if !c.leads() || !c.commands.Known || c.commands.Greatest <= c.registry.CommandVersion() || c.registry.Level() < member.CommandVersionLevel {
		return
	}
	if c.levels.switched > c.putOut || !c.speaksForAll() {
		return
	}
	version := c.nextCommandVersion()
	if version == 0 {
		return
	}
	data := fmt.Appendf([]byte{switchVersion}, `{"command_version":%d}`, version)
	if index := c.writeOwn(data); index > 0 {
		c.levels.switched = index
	}
	c.collect()
}

// appliesVersion tells whether the state machine of this member applies what is proposed now,
// as far as that is known. In a new cluster of state machines that have given version 0 up,
// proposals wait for the first switch.
func (c *Core) appliesVersion() bool {
	return !c.commands.Known || c.registry.CommandVersion() >= c.commands.Least
}

// checkCommandVersion refuses a version that the state machine of this member does not
// apply, as far as that is known.
func (c *Core) checkCommandVersion(version uint32) error {
	if own := c.commands; own.Known && version > own.Greatest {
		return fmt.Errorf("switch to command version %d, and the state machine of this member applies %s", version, own.Versions)
	}
	return nil
}
