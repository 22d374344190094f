package core_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"syscall"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/loopback"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	machine "github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
)

// single is the configuration of a cluster of one member, with the shipped backends
// inside the program's own process.
func single() (cfg core.Config, cleanup func()) {
	dir, err := os.MkdirTemp("", "pontoon")
	if err != nil {
		log.Fatal(err)
	}
	peers, clients := freeAddress(), freeAddress() // "127.0.0.1:7301" and "127.0.0.1:7401"
	return core.Config{
		ClusterID: 1, ID: 1, Name: "n1", Version: "example", DataDir: dir,
		Members: []core.MemberConfig{
			{ID: 1, Name: "n1", PeerURLs: []string{"http://" + peers}, ClientAddress: clients},
		},
		Bootstrap:     true,
		Tick:          10 * time.Millisecond, // the shortest way to a leader, on loopback
		ClientAddress: clients,
		Storage:       core.PluginConfig{Name: "wal", Isolation: "inproc"},
		StateMachine:  core.PluginConfig{Name: "kv", Isolation: "inproc"},
		Transports: []core.TransportConfig{{
			PluginConfig: core.PluginConfig{Name: "http", Isolation: "inproc"},
			Listen:       peers, Advertise: []string{"http://" + peers},
		}},
		Backends: []backend.Backend{wal.Backend(), machine.Backend(), httptransport.Backend()},
	}, func() { _ = os.RemoveAll(dir) }
}

// A program runs a member inside itself, and asks it as any other client does. The
// member ends with Stop, which gives it the time to close its store.
func Example() {
	cfg, cleanup := single()
	defer cleanup()
	host, err := core.New(cfg)
	if err != nil {
		log.Fatal(err) // the configuration
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := host.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := host.Stop(context.WithoutCancel(ctx)); err != nil {
			log.Print(err) // it names what would not end
		}
	}()

	c, err := client.New(client.Options{Endpoints: []string{host.Addr().String()}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	result, err := c.Propose(ctx, kv.EncodePut([]byte("greeting"), []byte("hello")))
	if err != nil {
		log.Fatal(err)
	}
	put, err := kv.DecodeResult(result.Data)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("revision", put.Revision)
	// Output: revision 1
}

// The program sees the cluster without a request, as the member has applied it by then.
func ExampleHost_Cluster() {
	host, cleanup := started()
	defer cleanup()

	for _, m := range host.Cluster().Members() {
		fmt.Printf("%d, %s, learner: %t\n", m.ID, m.Name, m.Learner)
	}
	if _, found := host.Cluster().Member(7); !found {
		fmt.Println("there is no member 7")
	}
	// Output:
	// 1, n1, learner: false
	// there is no member 7
}

// A program that runs a host waits for its own reasons to end and for the host's.
func ExampleHost_Failed() {
	host, cleanup := started()
	defer cleanup()

	terminate := make(chan os.Signal, 1) // signal.Notify(terminate, syscall.SIGTERM)
	terminate <- syscall.SIGTERM
	select {
	case <-terminate:
	case <-host.Failed(): // it cannot go on
	}
	if err := host.Stop(context.Background()); err != nil {
		fmt.Println(err)
	}
	<-host.Done()
	fmt.Println("reason:", host.Err())
	// Output: reason: <nil>
}

// started is a host that has a leader.
func started() (host *core.Host, cleanup func()) {
	cfg, remove := single()
	host, err := core.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := host.Start(ctx); err != nil {
		log.Fatal(err)
	}
	c, err := client.New(client.Options{Endpoints: []string{host.Addr().String()}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if _, err := c.CurrentMembers(ctx); err != nil {
		log.Fatal(err)
	}
	return host, func() {
		_ = host.Stop(context.Background())
		remove()
	}
}

func freeAddress() string {
	var ports loopback.Ports
	address, err := ports.Free()
	if err != nil {
		log.Fatal(err)
	}
	return address
}
