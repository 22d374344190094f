// Package core composes a host from its parts: the catalog of plugin
// processes, the raft goroutine (internal/node), the server goroutine
// (internal/server), the messages to and from peers (internal/courier) and the clients'
// API (internal/api).
//
// What dies, and what then happens:
//
//   - The storage plugin: its unanswered appends are unknown, so the raft node
//     above it is dropped; the plugin is started again, what is on disk is
//     read, and a new node is built from it. See generation.
//   - The state machine plugin: the server starts it again and replays.
//   - The transport plugin: its messages are lost, which raft allows; the host
//     starts it again and tells raft that all peers were unreachable.
//
// The host process and its clients' connections stay up in all three cases. A
// failure that another start cannot help (a corrupt log, a configuration that
// the plugin refuses, a crash loop) ends the host with the reason.
package core
