// Package memberform says what the name and the addresses of a member may look
// like: one rule for the configuration and for changes of the membership. What it
// accepts is printable ASCII without spaces, so that none of it can forge a line of
// a log or steer a terminal.
package memberform
