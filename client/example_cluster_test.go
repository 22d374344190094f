package client_test

import (
	"log"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// hosts serves three members for an example; the first one leads. Their state machine
// answers a command with the command, and a query with a byte and the query.
func hosts() (endpoints []string, stop func()) {
	c := &cluster{leader: 1}
	for i := range 3 {
		m := &member{cluster: c, id: server.NodeID(i + 1)}
		if err := m.serve("127.0.0.1:0"); err != nil {
			log.Fatal(err)
		}
		c.members = append(c.members, m)
	}
	return c.endpoints(), func() {
		for _, m := range c.members {
			if err := m.end(time.Minute); err != nil {
				log.Print(err)
			}
		}
	}
}

// dial is client.New for an example that is about something else.
func dial(endpoints []string) *client.Client {
	c, err := client.New(client.Options{Endpoints: endpoints})
	if err != nil {
		log.Fatal(err)
	}
	return c
}
