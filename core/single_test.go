package core_test

import "testing"

// A cluster of one elects its only voter at once, and only once.
func TestA4SingleVoterIsElectedInItsFirstTerm(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.leader()
	if st := c.service(1).Status(); st.Term != 2 { // the bootstrap entries are of term 1
		t.Errorf("the first leader is of term %d, want 2", st.Term)
	}
}
