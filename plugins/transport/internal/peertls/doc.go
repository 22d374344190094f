// Package peertls is what transport backends share of TLS between members:
// the config section, certificates that are bound to cluster and member, and
// their renewal while connections are served.
//
// Both ends show a certificate of package membercert and check the other's:
// its chain against the CA file, its time, its key usage, its cluster. The one
// who dials knows which member must answer; the one who is dialled learns the
// caller's id from PeerID, and compares every id that the caller claims with
// it. Host names are not compared: that the certificate is the very member's
// says more. There is no session resumption, so every connection has shown a
// certificate.
//
// The files are looked at every few seconds, at a handshake or by Watch. A new
// pair serves new connections; a connection that is open stays as it is, even
// when the certificates that it was made with have run out. PeerID refuses it
// then, so that only long answers outlive a certificate.
//
// New authorities are another matter, since they are the answer to a stolen key: Hold
// knows the connections that are open, and those whose certificates the new ones do not
// stand for end within seconds.
package peertls
