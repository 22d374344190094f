// Package catalog starts, verifies, watches, restarts and stops the processes
// in which a host's plugins run. It knows nothing of raft.
//
// The caller's duties, in order:
//
//  1. New, with the table of backends shipped in the host's own binary.
//  2. Validate every Spec before anything is started: it finds a missing file,
//     a wrong checksum or a misspelt backend without running foreign code.
//  3. Slot for each plugin, once; then Slot.Start for each life of it. Start
//     again after Instance.Done, never before.
//  4. Open what Instance.Storage, Transport or StateMachine returned, and call
//     Instance.Ready when it serves.
//  5. To end a plugin: the contract's Close, then Instance.Stop. Instance.Kill
//     is for a plugin that broke its contract or does not answer.
//     To replace a process that is well by another one, Slot.Prepare comes before that: the
//     next Start takes what was prepared.
//  6. Close the catalog; every process is gone when it returns.
//
// What the catalog promises:
//
//   - A plugin that was started elsewhere is waited for, and never ended: only the
//     connection to it is.
//   - A process that is started is reaped, its process group is killed and its
//     socket directory removed, however it ends. If the host itself is killed,
//     its plugins die: on Linux by the parent-death signal, everywhere else by
//     the end of file on their standard input.
//   - The bytes that were hashed are the bytes that are executed.
//   - Nothing that a plugin writes, on standard output, standard error or its
//     socket, stalls or ends the host.
//   - Every wait has a deadline, except for those that only the end of a
//     process that got SIGKILL can end.
//
// The files, in the order in which a plugin meets them:
//
//   - catalog.go, spec.go: the catalog and the plans that it makes of Specs;
//   - slot.go, prepare.go, beside.go, upgrade.go, backoff.go, status.go: the place of one plugin over all its
//     lives;
//   - launch.go, runner.go, process.go, pipes.go: one start, through go-plugin, of
//     a process of our own making; executable.go, environment.go, runtimedir.go and
//     sealed_linux.go: what is executed, with what, and where its socket is;
//   - attach.go, await.go: a connection to a plugin that was started elsewhere, in the
//     place of a process;
//   - handshake.go, output.go, lines.go, lineformat.go, linerate.go, intake.go, hclog.go: what it writes;
//   - instance.go, inproc.go, record.go: the life that the caller holds, with and without a process, and with a record;
//     capabilities.go: what it may require of the host;
//   - supervise.go, probe.go, activity.go, tardy.go: whether it is well, and its end;
//   - errors.go, causes.go, explain.go: the reason why it did not start or went away;
//     calls.go: how long its calls take.
//
// A file named after a system has what the others do in another way.
//
// The protocol between host and plugin process is described for authors of
// plugins in docs/plugins/protocol.md.
package catalog
