// Package sdnotify tells systemd how a process does: that it is ready, that it is
// alive, in words what it is doing, and that it stops. It is the whole of a unit with
// Type=notify, by the protocol of sd_notify(3), which github.com/coreos/go-systemd
// speaks.
//
// What systemd concludes has teeth: it kills a process that is not ready in time, or
// that does not feed its watchdog. So the word is never given by a goroutine that
// only shows that it runs itself. A Condition is the judge, and a process that is not
// live is left to the timeout.
package sdnotify
