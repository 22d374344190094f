// Package hostconfig reads the YAML file of a host into the configuration of core.
// A setting that is not configured has the default of core.
//
// A setting has one value and one origin, in this order: flag, environment,
// file, default. The file is read once and strictly: an unknown key, a wrong
// type or a repeated key is an error with the file and the line. Each
// plugin's config section is kept as it was written and handed on as bytes;
// nothing in it can be set, changed or seen by a flag or the environment.
//
// Only scalar settings take part in the merge (settings.go lists them), each
// under its own name: raft.tick is PONTOON_RAFT_TICK in the environment. A
// variable that names a section or a list is refused, because it could only
// replace the whole of it in silence.
//
// The package opens no socket and reads no file but the one it is given;
// whether a plugin's executable exists is for the one who starts it.
package hostconfig
