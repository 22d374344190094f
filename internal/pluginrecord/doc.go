// Package pluginrecord keeps a record of what a host and one of its plugins say to each
// other: each request and each answer, in the order in which the host has sent and
// received them. The files are for "host plugin replay"; their form is
// docs/formats/plugin-record.md.
//
// A Recorder is the record of one plugin over all its lives. Life stands between the
// adapters of the contracts and the connection, so that the kinds and the two carriers of
// streams are alike. A call never waits for the record: what the writer cannot keep up with
// is left out, and the record has a gap there, which is logged and counted. A disk that is
// full, or that fails, harms nothing but the record.
//
// Reader reads one file, and Series reads files that follow each other. Both read up to
// where a file was cut, or is damaged, and say where that is.
package pluginrecord
