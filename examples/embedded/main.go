// Command embedded is a program that runs a host inside itself: a cluster of one
// member, with the shipped plugins compiled in. It writes a key, reads it, prints what
// the cluster is, and stops.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	machine "github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
	"github.com/pontoon-raft/pontoon/sdk"
)

func backends() []backend.Backend {
	return []backend.Backend{httptransport.Backend(), wal.Backend(), machine.Backend()}
}

func main() {
	// The host starts this program again for each plugin; such a process ends here.
	sdk.ServeBuiltin(os.Args[1:], backends())
	dir := flag.String("data-dir", "data", "directory for what the member keeps")
	peer := flag.String("peer", "127.0.0.1:7001", "address for other members")
	clients := flag.String("clients", "127.0.0.1:7101", "address for clients")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *dir, *peer, *clients); err != nil {
		fmt.Fprintln(os.Stderr, "embedded:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, dir, peer, clients string) (err error) {
	peerURL := "http://" + peer
	host, err := core.New(core.Config{
		ClusterID: 1, ID: 1, Name: "n1", Version: "example", DataDir: dir,
		Members:       []core.MemberConfig{{ID: 1, Name: "n1", PeerURLs: []string{peerURL}, ClientAddress: clients}},
		Bootstrap:     true,
		ClientAddress: clients,
		Storage:       core.PluginConfig{Name: "wal"},
		StateMachine:  core.PluginConfig{Name: "kv"},
		Transports: []core.TransportConfig{{
			PluginConfig: core.PluginConfig{Name: "http"}, Listen: peer, Advertise: []string{peerURL},
		}},
		Backends: backends(),
	})
	if err != nil {
		return err
	}
	if err := host.Start(ctx); err != nil {
		return err
	}
	defer func() {
		// A stop needs its time also when ctx has ended.
		err = errors.Join(err, host.Stop(context.WithoutCancel(ctx)))
	}()
	return use(ctx, out, host, clients)
}

// use is what any client of the host does, and what only the program around it can:
// it looks at the cluster without a request.
func use(ctx context.Context, out io.Writer, host *core.Host, clients string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := client.New(client.Options{Endpoints: []string{clients}})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Propose(ctx, kv.EncodePut([]byte("greeting"), []byte("hello"))); err != nil {
		return err
	}
	answer, err := c.Query(ctx, kv.EncodeGet([]byte("greeting")), client.Linearizable)
	if err != nil {
		return err
	}
	page, err := kv.DecodePage(answer.Data)
	if err != nil {
		return err
	}
	for _, e := range page.Entries {
		fmt.Fprintf(out, "%s = %s\n", e.Key, e.Value)
	}
	for _, m := range host.Cluster().Members() {
		fmt.Fprintf(out, "member %d, %s, at %s\n", m.ID, m.Name, m.ClientURL)
	}
	return nil
}
