package client_test

import (
	"context"
	"fmt"
	"log"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
)

// A new member comes as a learner, and the leader makes it a voter when it keeps up.
func ExampleClient_AddMember() {
	endpoints, stop := hosts()
	defer stop()
	c := dial(endpoints)
	defer c.Close()

	cluster, err := c.AddMember(context.Background(), &hostv1.Member{
		Id: "4", Name: "n4", PeerUrls: []string{"http://127.0.0.1:7304"}, ClientAddress: "127.0.0.1:7404",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(cluster.GetMembers()), "members")
	// Output: 4 members
}

// Before a leader's machine is taken down for a while, another member leads.
func ExampleClient_TransferLeader() {
	endpoints, stop := hosts()
	defer stop()
	c := dial(endpoints)
	defer c.Close()

	leader, err := c.TransferLeader(context.Background(), "2")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the leader is", leader)
	// Output: the leader is 2
}

// StatusAll asks all members at once; a member that does not answer has a row, too.
func ExampleClient_StatusAll() {
	endpoints, stop := hosts()
	defer stop()
	c := dial(endpoints)
	defer c.Close()

	rows, err := c.StatusAll(context.Background())
	if err != nil {
		log.Print(err) // not even the membership is known
	}
	for _, row := range rows {
		if row.Err != nil {
			fmt.Println(row.Endpoint, row.Err)
			continue
		}
		fmt.Println(row.Status.GetId(), row.Status.GetRole(), "in term", row.Status.GetTerm())
	}
	// Output:
	// 1 leader in term 1
	// 2 follower in term 1
	// 3 follower in term 1
}

// A client with a certificate, and a token in a file that can be replaced while the
// client runs.
func ExampleTLSFiles() {
	protected, err := client.TLSFiles{
		CA:   "/etc/pontoon/ca.pem",
		Cert: "/etc/pontoon/client.pem",
		Key:  "/etc/pontoon/client.key",
	}.Config()
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.New(client.Options{
		Endpoints: []string{"n1.example:7401", "n2.example:7401", "n3.example:7401"},
		TLS:       protected,
		TokenFile: "/etc/pontoon/token",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
}
