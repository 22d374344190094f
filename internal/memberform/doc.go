// Package memberform says what the name and the addresses of a member may look
// like, and the name of a client: one rule for the configuration, for changes of
// the membership, for certificates and for tokens. A name or an address that it
// accepts is printable ASCII without spaces, so that it cannot forge a line of a
// log or steer a terminal.
package memberform
