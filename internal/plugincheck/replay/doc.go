// Package replay gives a plugin the calls of a record (internal/pluginrecord), in their order,
// and finds the first answer that differs.
//
// A plan is made of the record first: at which events a replay can begin, because the state of
// the plugin is known there. Then the player goes through the record again. Each life of the
// plugin is a process, started as a host does. A request is sent where the record has it. Where
// the record has an answer the player waits for the one of the process, so that whatever
// the host knew when it sent a request is so in the replay. An answer that was on its way while the
// state changed may have seen either state: it counts only if it is the same.
package replay
