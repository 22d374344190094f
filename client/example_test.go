package client_test

import (
	"context"
	"fmt"
	"log"
	"sync"

	"github.com/pontoon-raft/pontoon/client"
)

// A client is made once. Propose says in three ways how a command ended.
func Example() {
	endpoints, stop := hosts() // "127.0.0.1:7401" and so on
	defer stop()

	c, err := client.New(client.Options{Endpoints: endpoints})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	result, err := c.Propose(context.Background(), []byte("a command of the state machine"))
	switch {
	case client.IsNotApplied(err):
		log.Fatalf("it did not happen: %v", err)
	case err != nil:
		log.Fatalf("it may have happened: %v", err)
	case result.Error != "":
		log.Fatalf("it happened, and the state machine said: %s", result.Error)
	}
	fmt.Printf("applied at index %d\n", result.Index)

	answer, err := c.Query(context.Background(), []byte("a query of the state machine"), client.Linearizable)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d bytes, at index %d or later\n", len(answer.Data), answer.Index)
	// Output:
	// applied at index 1
	// 29 bytes, at index 1 or later
}

// Goroutines share one client: proposals made at the same time travel together.
func ExampleClient_Propose() {
	endpoints, stop := hosts()
	defer stop()
	c := dial(endpoints)
	defer c.Close()

	var writers sync.WaitGroup
	for i := range 100 {
		writers.Go(func() {
			if _, err := c.Propose(context.Background(), fmt.Appendf(nil, "command %d", i)); err != nil {
				log.Print(err)
			}
		})
	}
	writers.Wait()

	result, err := c.Propose(context.Background(), []byte("the last one"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("index %d, %s\n", result.Index, result.Data)
	// Output: index 101, the last one
}

// A stale query is answered at once by whichever member gets it, without a quorum.
func ExampleClient_Query_stale() {
	endpoints, stop := hosts()
	defer stop()
	c := dial(endpoints)
	defer c.Close()

	answer, err := c.Query(context.Background(), []byte("a query"), client.Stale)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d bytes, at index %d or later\n", len(answer.Data), answer.Index)
	// Output: 8 bytes, at index 0 or later
}

// Reason gives a program the word that it can tell refusals by.
func ExampleReason() {
	endpoints, stop := hosts()
	defer stop()
	c := dial(endpoints)
	defer c.Close()

	_, err := c.RemoveMember(context.Background(), "abc")
	fmt.Println(client.Reason(err), client.IsNotApplied(err))
	// Output: unknown_member true
}
