package node

import "go.etcd.io/raft/v3"

// askReads hands reads that wait to raft.
func (c *Core) askReads() {
	if len(c.reads) == 0 || c.readsTooEarly() {
		return
	}
	for _, context := range c.reads {
		c.raft.ReadIndex(context)
	}
	c.reads = nil
}

// readsTooEarly tells whether raft would answer a ReadIndex with a commit index
// that is behind what was acknowledged. A leader knows how far the log was
// committed once it has committed an entry of its own term (section 6.4 of the
// thesis). Raft waits for that, but not as the only voter, whose commit index
// after a restart is the one last stored, and that is stored late.
func (c *Core) readsTooEarly() bool {
	if !c.alone() {
		return false
	}
	st := c.raft.BasicStatus()
	if st.RaftState != raft.StateLeader {
		return false
	}
	term, err := c.log.Term(st.GetCommit())
	return err != nil || term != st.GetTerm()
}
