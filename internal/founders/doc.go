// Package founders has the members by which a cluster begins, in the form in
// which a flag, a variable or a file names them: each with the URLs under which
// its peers reach it. The type knows nothing of a running cluster. What became of
// the members afterwards is in the registry of the log.
package founders
