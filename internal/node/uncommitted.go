package node

import (
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"
)

// changeReserve is what raft takes without a quorum beyond
// Config.MaxUncommittedBytes: room for membership changes, one of which may be
// the way out, when clients have filled the rest.
const changeReserve = 1 << 20

// fits tells whether the leader takes proposals of so many bytes. One is taken
// whatever its size if nothing else is uncommitted. Elsewhere they are passed
// on.
func (c *Core) fits(size uint64) bool {
	return c.uncommitted == 0 || c.uncommitted+size <= c.cfg.MaxUncommittedBytes || !c.leads()
}

// took counts what the leader has put into its log, as raft does for itself:
// until it comes out for apply, or the term ends.
func (c *Core) took(size uint64, err error) error {
	if err == nil && c.leads() {
		c.uncommitted += size
	}
	return err
}

// inherited is the size of what a new leader has in its log and has not put out for
// apply: it is uncommitted, or not known to be committed. Entries that are on their way
// to the storage take the place of those in the log from their first index on.
func (c *Core) inherited() (size uint64) {
	above := c.putOut + 1
	var entries []*pb.Entry
	if n := uint64(len(c.log.tail)); above < c.log.tailFirst+n {
		entries = slices.Clone(c.log.tail[max(above, c.log.tailFirst)-c.log.tailFirst:])
	}
	for i := range c.appends.items {
		next := c.appends.items[i].entries
		if len(next) == 0 {
			continue
		}
		first := next[0].GetIndex()
		entries = slices.DeleteFunc(entries, func(e *pb.Entry) bool { return e.GetIndex() >= first })
		entries = append(entries, next...)
	}
	return payload(entries)
}

// left takes from the count what has come out for apply.
func (c *Core) left(size uint64) { c.uncommitted -= min(c.uncommitted, size) }

// payload is the size of entries as raft counts it.
func payload(entries []*pb.Entry) (size uint64) {
	for _, e := range entries {
		size += uint64(len(e.GetData()))
	}
	return size
}
