// Package events keeps the last sentences about what has happened in a host, for those who
// ask for them later.
//
// There is one place that produces a sentence: the call that logs it. A line of the log that
// is an event has an attribute whose value is a Kind, as in
//
//	logger.Warn("plugin ended", "event", events.Plugin, "plugin", name)
//
// and a logger whose handler is a Ring's keeps such lines and hands all lines on. Only code
// of the host can make a Kind, so that no line of a plugin passes for an event.
package events
