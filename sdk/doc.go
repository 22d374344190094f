// Package sdk is all that a plugin's main needs:
//
//	func main() {
//		sdk.Serve(sdk.StateMachine("counter", func(env sdk.Env) statemachine.StateMachine {
//			return newCounter(env.Logger)
//		}))
//	}
//
// # What Serve takes care of
//
//   - The handshake with the host, the connection and its limits.
//   - "describe" as first argument prints what the plugin is, as JSON, and
//     exits. With "attach", and perhaps a path, it waits for hosts on a socket, which
//     is for debuggers; each host gets a backend of its own. Started by hand without either, the plugin says what it is
//     for and exits with ExitUsage.
//   - Logging: Env.Logger, package log and log/slog's default logger write
//     lines that keep their level on the way into the host's log. The host can
//     change the level while the plugin runs.
//   - The end: a process that a host started exits at once when its standard input ends, because
//     then its host is gone. It ignores SIGINT and SIGTERM, which a terminal or
//     a service manager sends to hosts and plugins alike: a host that stops
//     tells its plugins itself, in the right order.
//
// # What it has for state machines
//
//   - Memory is all but the commands and the queries of one whose state is a value in memory.
//   - LeaderWork is the goroutine of work that the leader's plugin alone does.
//
// # What is left to the plugin
//
//   - Nothing but Serve may read standard input, or write to standard output
//     before Serve.
//   - A process can end between any two instructions; the data that a plugin
//     promised to keep must be safe by then. A panic ends it too, which is
//     right: a state that surprised its own code is not to be served any
//     further.
//   - A backend that has metrics implements MetricsWriter.
//   - A state machine with commands or queries that are not for every client
//     implements statemachine.Classer.
package sdk
