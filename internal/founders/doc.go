// Package founders has the members by which a cluster begins, in the form in
// which a flag, a variable or a file names them: each with the URLs under which
// its peers reach it. The type knows nothing of a running cluster. The members of
// a running cluster are in the registry of the log.
package founders
