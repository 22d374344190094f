// Package judge says whether a history could have happened if every key of the
// cluster were one register on one machine. Four questions are asked:
//
//   - Is there an order of the linearizable reads, the writes and the
//     compare-and-sets of each key in which each takes effect between its beginning
//     and its end, and has the answer that it got? A write of unknown outcome takes
//     effect at any later moment, or never. A value that a read has found, a stale
//     one too, had taken effect by the end of that read.
//   - Was the value of a write that was answered as not applied, or refused, ever
//     seen by any read?
//   - Has each write one revision and each revision one write, in the whole cluster,
//     and do revisions grow with the places of the writes in the log, and places with
//     time?
//   - Does each read, a stale one too, have at least the writes up to the applied
//     index that its answer names? A stale read promises no more than that, and that
//     its value was written by a write that had begun.
package judge
