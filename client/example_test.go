package client_test

import (
	"context"
	"fmt"
	"log"

	"github.com/pontoon-raft/pontoon/client"
)

func Example() {
	c, err := client.New(client.Options{Endpoints: []string{"127.0.0.1:7401", "127.0.0.1:7402", "127.0.0.1:7403"}})
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
}
