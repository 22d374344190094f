// Package pontoontest runs a cluster of real hosts for the tests of a plugin's author: each
// member is a process of the host program, with plugins in processes of their own.
//
//	func TestAClusterForAuthors(t *testing.T) {
//		c := pontoontest.Cluster(t, 3, pontoontest.Options{StateMachine: []string{"bin/ledger"}})
//		c.Propose([]byte("credit a 10"))
//		c.Leader().KillPlugin("statemachine")
//		c.Propose([]byte("credit a 5"))
//		c.Leader().Kill()
//		c.Propose([]byte("credit a 1"))
//		c.Start()
//		c.SameAnswers([]byte("accounts"))
//	}
//
// The test fails with the end of each host's log, which is not shown otherwise. Nothing is
// left running, also when the test panics or is killed: the hosts end with its process.
//
// The host program is that of Options.Host, of the variable PONTOON_HOST, or is built from
// the module github.com/pontoon-raft/pontoon that the test's own module requires. Links
// between members are cut by proxies, which know the headers of the transport http.
package pontoontest
