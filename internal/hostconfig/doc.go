// Package hostconfig reads the YAML file of a host into the configuration of core.
// A setting that is not configured has the default of core.
//
// A setting has one value and one origin, in this order: flag, environment,
// file, default. The file is read once and strictly: an unknown key, a wrong
// type or a repeated key is an error with the file and the line. Each
// plugin's config section is kept as it was written and handed on as bytes;
// nothing in it can be set, changed or seen by a flag or the environment.
//
// Only scalar settings take part in the merge, each
// under its own name: raft.tick is PONTOON_RAFT_TICK in the environment. A
// variable that names a section or a list is refused, because it could only
// replace the whole of it in silence.
//
// The package opens no socket and reads no file but the one it is given;
// whether a plugin's executable exists is for the one who starts it.
//
// The files, in the order in which a setting meets them:
//
//   - config.go: the configuration that comes out;
//   - load.go: all the steps, one after another;
//   - document.go, section.go, whole.go: the file, each plugin's section as it was written,
//     and what only the file can set;
//   - environment.go: variables and flags;
//   - settings.go, values.go, numeric.go: the scalar settings, and how each kind of value
//     is read;
//   - transports.go, peerurls.go, access.go, tls.go: what belongs to transports, members'
//     URLs, clients' roles and limits, and the TLS of both ports;
//   - defaults.go, origins.go: values that depend on others, and where each came from;
//   - validate.go, validate_members.go, validate_plugins.go, validate_records.go: whether all of it makes sense;
//   - problems.go, suggest.go: everything that is wrong, and the name that was meant.
package hostconfig
