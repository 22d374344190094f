// Package plugins states what plugins of all three kinds have in common: how
// they describe themselves, what they are told when they are opened, and the
// errors they share. The contracts themselves are in the packages storage,
// transport and statemachine beside this one.
//
// A plugin's life, which is the same for every kind:
//
//  1. Describe may be called at any time and has no effect.
//  2. Open is called once per process, before anything else of the kind's
//     contract. It may take long (recovery); its context ends when the host
//     gives up.
//  3. Calls of the kind, in the order and concurrency that the contract says.
//  4. Close is called once, after the host has stopped using the plugin; calls
//     that are still running when it starts may fail with ErrClosed.
//
// A plugin process that dies between any two of these is started again and
// opened with a larger incarnation. All that it had made durable must be
// there; neither side may assume anything else.
//
// The rules that bind plugins in any language, with their numbers, are in
// docs/plugins/protocol.md and the pages of the kinds beside it.
package plugins
