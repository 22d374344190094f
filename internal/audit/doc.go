// Package audit keeps the record of what clients asked of one host, with the
// client, the request and its outcome. It never keeps the data itself, only
// its length and digest.
//
// The record is a chain of JSON lines in files of one directory; its form is
// docs/formats/audit.md. Each line bears its number, the sum of the line before
// it and its own sum, so that Verify finds a line that was changed, removed or
// moved. Without a key, write access to the files is enough to write another
// chain, which is as sound. Two things are out of that reach: the head of the
// chain, once it was noted elsewhere, and sums that need a key.
//
// A Log never makes a request wait, unless Options.OnFull is Refuse: then a
// request is proposed only when its intent is written, and its outcome has a
// place in memory from that moment on.
package audit
