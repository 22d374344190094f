// Package linearizability runs a cluster of real hosts with plugins in processes of
// their own, disturbs it in every way that it can, and has what its clients were
// told judged: package judge says by which rules. docs/linearizability.md explains
// it. It needs Linux: it looks into /proc.
package linearizability
