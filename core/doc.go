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
//
// The files, in the order in which a host meets them in its life:
//
//   - config.go, memberconfig.go, pluginconfig.go, portconfig.go, bounds.go: what a host
//     is made from, and the numbers that are refused;
//   - host.go, boot.go: the host and its start; datadir.go, pins.go, incarnation.go: its
//     directory, and what it remembers there outside the storage;
//   - open.go, pluginclose.go: a plugin is started and opened, and closed and ended;
//     pluginstatus.go: how the plugins are, and what they have written; restart.go, upgrade.go: one gets a
//     new process as asked; storageplace.go, storagemove.go, storagecopy.go, movestatus.go: the store moves to
//     another storage, and which of the two has it at a start;
//   - generation.go, load.go, raftend.go: a raft node over one opened storage, from what is
//     on disk to its end; clock.go: its ticks;
//   - append.go, batchparts.go: the output of raft goes to the storage and the others; appendtimes.go: how
//     long that takes;
//   - machine.go, machinebeside.go, classes.go, rehearsal.go: the state machine, the classes of its
//     commands, and the one that snapshots are restored into for trial;
//   - watchdog.go, applywatch.go, space.go, fitness.go, leave.go: calls that are not answered, storage
//     that fills, and a leader that is unfit for it and hands over;
//   - courierhost.go, peers.go: the host as its courier knows it, and the peers that the
//     courier is told of; snapshotsend.go, sends.go, receive.go, parts.go,
//     wholesnapshot.go: snapshots to peers and from them, also those that break off;
//   - identity.go, meetings.go, conflicts.go, judgement.go, founding.go: what members show each
//     other, what does not fit, and what follows from it; loss.go, removal.go: the ends
//     of a member that lost data or was removed;
//   - auditing.go, certificates.go, certificaterefusals.go, eventcounts.go: the record of requests, and
//     certificates that end or cannot be used;
//   - notices.go: plugins are told who leads;
//   - scrape.go, pluginmetrics.go: metrics of the host and of plugins, on one page;
//   - cluster.go: the view of an embedder; health.go: that of what supervises the process;
//   - stop.go, stopbudget.go, drain.go: the end, in the order of law 5, and its time.
package core
