// Command host runs one member of a Raft cluster, and is the client of one.
//
// A command is a thin layer, most often in the file of its name: it reads flags, asks
// another package to do the work, and prints what came of it. Data go to standard
// output, and all else to standard error. The commands and their exit codes are described
// in docs/cli.md.
//
// The files, in the order in which a command meets them:
//
//   - main.go, root.go, program.go: a run of the program, the tree of commands, and the name in their texts; backends.go: the
//     plugins in this binary; man.go: its manual pages;
//   - config.go, configsections.go, namedfiles.go, externalplugins.go: a host's configuration, with the files
//     and executables that it names;
//   - serve.go, lifetime.go, hostlog.go: a host runs until it is told to stop;
//     systemd.go, garbage.go, garbage_linux.go, reaper_linux.go, timerslack_linux.go: its process: memory,
//     orphans, sleeps, and what systemd hears;
//   - cluster.go, clientfile.go, clienttls.go: which cluster a client's command talks to,
//     and with what it proves its name;
//   - kv.go, kvstore.go, watch.go, sql.go, sqlscan.go, sqlrows.go, raw.go: commands and queries for the state machine, those of the
//     shipped one and bytes as they are; bench.go, benchpropose.go: many of them;
//     commandfile.go: commands of a file;
//   - status.go, statusprogress.go, top.go: how the members are, and whether that is well, once and again and again;
//   - events.go, eventshow.go: what has happened in them;
//   - member.go, memberadd.go, leader.go: the members, and the one that leads;
//   - snapshotsave.go: a backup of a running member;
//   - offlineflags.go, log.go, snapshot.go, restore.go, recover.go, storage.go: the store of a
//     stopped node: it is shown, checked, restored, recovered and migrated;
//     storagerolling.go, storagemember.go, storageview.go: the stores of a cluster that serves are
//     migrated;
//   - cert.go, certfiles.go, certshow.go, token.go, tokenend.go: certificates and tokens are
//     made, shown and ended; audit.go, audittail.go: the record of requests;
//   - pluginnew.go: the folder of a new plugin is made;
//   - pluginsubject.go, plugincheck.go, plugincheckjunit.go: an executable is checked against the plugin
//     protocol; pluginbench.go: it is measured beside the shipped plugin of its kind;
//     pluginreplay.go: it is given what was recorded of another one;
//   - plugindescribe.go, pluginlist.go, pluginlogs.go, pluginrestart.go: a plugin says what it is, and those of
//     running members are shown; onemember.go: which member a command is about;
//   - plugincatalog.go, pluginadd.go, pluginupgrade.go: the versions of a catalog of plugins, and a running member
//     goes over to another one;
//   - dev.go: a cluster with a plugin that is being written;
//   - demo.go, version.go: a cluster on this machine, and what this program is;
//   - output.go, terminal.go, exit.go: tables, JSON, progress, errors and exit codes.
//
// A file whose name ends in other has the same for systems without it.
package main
